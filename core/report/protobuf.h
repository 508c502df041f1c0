// The wire format of protocol buffers, as far as writing event files needs it.
// Source: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace peftlab::report {

/// Bytes of `value`, lowest first.
template <typename Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

/// One message, field by field.
class ProtoMessage {
 public:
  ProtoMessage& varint(int field, uint64_t value) {
    tag(field, 0);
    put_varint(value);
    return *this;
  }
  ProtoMessage& real64(int field, double value) {
    tag(field, 1);
    bytes_ += little_endian(std::bit_cast<uint64_t>(value));
    return *this;
  }
  ProtoMessage& real32(int field, float value) {
    tag(field, 5);
    bytes_ += little_endian(std::bit_cast<uint32_t>(value));
    return *this;
  }
  ProtoMessage& bytes(int field, std::string_view value) {
    tag(field, 2);
    put_varint(value.size());
    bytes_ += value;
    return *this;
  }
  ProtoMessage& message(int field, const ProtoMessage& value) { return bytes(field, value.bytes_); }
  const std::string& data() const { return bytes_; }

 private:
  void tag(int field, int type) { put_varint(static_cast<uint64_t>(field) * 8 + static_cast<uint64_t>(type)); }
  void put_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

}  // namespace peftlab::report
