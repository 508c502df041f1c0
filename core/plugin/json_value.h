// Values of the plugin interface as JSON and back.
#pragma once

#include "core/io/json.h"
#include "peftlab/value.h"

namespace peftlab::plugin {

io::Json to_json(const Value& value);
io::Json to_json(const Fields& fields);

/// An integer beyond int64_t becomes a number.
Value to_value(const io::Json& json);
/// REQUIRES: `json` is an object.
Fields to_fields(const io::Json& json);

}  // namespace peftlab::plugin
