// The metadata of GGUF adapters.
#pragma once

namespace peftlab::lab {

inline constexpr char kAdapterTypeKey[] = "adapter.type";
/// The format's word for low-rank updates, whichever method they are from.
inline constexpr char kLowRankType[] = R"(lora)";
inline constexpr char kAlphaKey[] = "adapter.lora.alpha";  // float32
inline constexpr char kBaseNameKey[] = "general.base_model.0.name";

}  // namespace peftlab::lab
