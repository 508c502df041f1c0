#include "core/report/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <system_error>

#include "core/report/protobuf.h"

namespace peftlab::report {

namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  for (char* c = name; *c; ++c)
    if (*c == '/') *c = '-';
  return name;
}

/// Readers take the files of a folder in the order of their names, so a new one gets a time behind every other's, even
/// within one second and when the clock was set back.
int64_t time_for_name(const std::filesystem::path& folder) {
  auto time = static_cast<int64_t>(now_seconds());
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.compare(0, kPrefix.size(), kPrefix) != 0) continue;
    time = std::max<int64_t>(time, std::atoll(name.substr(kPrefix.size(), 10).c_str()) + 1);
  }
  return time;
}

std::filesystem::path new_name(const std::filesystem::path& folder) {
  char time[24];
  std::snprintf(time, sizeof time, "%010lld", static_cast<long long>(time_for_name(folder)));
  return folder / (std::string(kPrefix) + time + "." + host_name() + "." + std::to_string(getpid()) + "." +
                   std::to_string(std::random_device{}()));
}

ProtoMessage event(int64_t step) {
  return ProtoMessage().real64(1, now_seconds()).varint(2, static_cast<uint64_t>(step));
}

/// SummaryMetadata with the name of a plugin and what it keeps there.
ProtoMessage metadata(std::string_view plugin, std::string_view content) {
  return ProtoMessage().message(1, ProtoMessage().bytes(1, plugin).bytes(2, content));
}

/// A TensorProto of shape (1).
ProtoMessage tensor(int type) {
  return ProtoMessage()
      .varint(1, static_cast<uint64_t>(type))
      .message(2, ProtoMessage().message(2, ProtoMessage().varint(1, 1)));
}

/// An event with one value that belongs to the hparams plugin.
std::string hparams_event(std::string_view tag, int field, const ProtoMessage& inner) {
  constexpr int kFloat = 1;
  const ProtoMessage content = ProtoMessage().varint(1, 0).message(field, inner);
  ProtoMessage value;
  value.bytes(1, tag).message(8, tensor(kFloat).real32(5, 0)).message(9, metadata("hparams", content.data()));
  return event(0).message(5, ProtoMessage().message(1, value)).data();
}

/// An entry of the map from names to google.protobuf.Value.
ProtoMessage entry(const std::string& name, const ProtoMessage& value) {
  return ProtoMessage().bytes(1, name).message(2, value);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < table.size(); ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
    }
    return table;
  }();
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ crc >> 8;
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder)
    : file_(std::make_unique<io::AppendFile>(new_name(folder))) {
  write_event(ProtoMessage().real64(1, now_seconds()).bytes(3, "brain.Event:2").data());
}

void TensorBoardWriter::write_event(const std::string& payload) {
  const std::string length = little_endian(static_cast<uint64_t>(payload.size()));
  file_->append(length + little_endian(masked_crc32c(length)) + payload + little_endian(masked_crc32c(payload)));
}

void TensorBoardWriter::forget_after(int64_t step) {
  // Readers drop what is repeated only behind such a mark (TensorBoard's EventAccumulator, file version 2).
  constexpr int kSessionLog = 7, kStart = 1;
  write_event(event(step + 1).message(kSessionLog, ProtoMessage().varint(1, kStart)).data());
}

void TensorBoardWriter::scalar(const std::string& tag, int64_t step, double value) {
  const ProtoMessage entry = ProtoMessage().bytes(1, tag).real32(2, static_cast<float>(value));
  write_event(event(step).message(5, ProtoMessage().message(1, entry)).data());
}

void TensorBoardWriter::text(const std::string& tag, int64_t step, const std::string& text) {
  constexpr int kString = 7, kTensorClass = 2;
  ProtoMessage value;
  value.bytes(1, tag)
      .message(8, tensor(kString).bytes(8, text))
      .message(9, metadata("text", "").varint(4, kTensorClass));
  write_event(event(step).message(5, ProtoMessage().message(1, value)).data());
}

void TensorBoardWriter::hparams(const std::vector<std::pair<std::string, double>>& numbers,
                                const std::vector<std::pair<std::string, std::string>>& texts,
                                const std::string& group) {
  ProtoMessage start;
  for (const auto& [name, value] : numbers) start.message(1, entry(name, ProtoMessage().real64(2, value)));
  for (const auto& [name, value] : texts) start.message(1, entry(name, ProtoMessage().bytes(3, value)));
  start.bytes(4, group).real64(5, now_seconds());
  write_event(hparams_event("_hparams_/session_start_info", 3, start));
}

void TensorBoardWriter::end_session(bool success) {
  const ProtoMessage end = ProtoMessage().varint(1, success ? 1 : 2).real64(2, now_seconds());
  write_event(hparams_event("_hparams_/session_end_info", 4, end));
}

}  // namespace peftlab::report
