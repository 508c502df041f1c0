// Event files for TensorBoard: records framed as TFRecord, each an Event of its protocol buffers.
// Source: tensorboard/compat/proto/{event,summary}.proto and tensorflow/core/lib/io/record_writer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/io/files.h"

namespace peftlab::report {

/// CRC-32C (Castagnoli), and as TFRecord masks it.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

class TensorBoardWriter {
 public:
  /// Opens a new event file in `folder`; a resumed run goes on in one of its own.
  /// Throws RunError when the disk refuses.
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  /// Makes TensorBoard drop all that earlier files of the folder say of steps greater than `step`: what a resumed run writes
  /// again must not stand twice. To be called before the first value.
  void forget_after(int64_t step);

  /// One value of a curve; appended and flushed.
  void scalar(const std::string& tag, int64_t step, double value);
  void text(const std::string& tag, int64_t step, const std::string& text);
  /// Hyper-parameters of the run; runs of one group (the seeds of a method) are averaged in TensorBoard's table.
  void hparams(const std::vector<std::pair<std::string, double>>& numbers, const std::vector<std::pair<std::string, std::string>>& texts,
               const std::string& group);
  /// The end of the session: success or failure.
  void end_session(bool success);

 private:
  void write_event(const std::string& payload);
  std::unique_ptr<io::AppendFile> file_;
};

}  // namespace peftlab::report
