#include "core/report/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The fields of a message by number, as a reader that shares nothing with the writer finds them.
using Fields = std::multimap<int, std::string>;

uint64_t varint(const std::string& bytes, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/// Numbers of fixed width keep their bytes; varints are kept as decimal digits.
Fields fields(const std::string& bytes) {
  Fields result;
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t tag = varint(bytes, at);
    const int field = static_cast<int>(tag >> 3), type = static_cast<int>(tag & 7);
    if (type == 0) {
      result.emplace(field, std::to_string(varint(bytes, at)));
      continue;
    }
    const size_t size = type == 1 ? 8 : type == 5 ? 4 : varint(bytes, at);
    EXPECT_LE(at + size, bytes.size());
    result.emplace(field, bytes.substr(at, size));
    at += size;
  }
  return result;
}

template <typename Number>
Number as(const std::string& bytes) {
  Number value{};
  EXPECT_EQ(bytes.size(), sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string at(const Fields& fields, int field) {
  const auto found = fields.find(field);
  if (found == fields.end()) {
    ADD_FAILURE() << "no field " << field;
    return "";
  }
  return found->second;
}

/// The bitwise definition of CRC-32C with TFRecord's mask.
uint32_t slow_masked_crc(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::vector<Fields> events(const std::filesystem::path& file) {
  const std::string all = test::bytes_of(file);
  std::vector<Fields> result;
  for (size_t at = 0; at < all.size();) {
    const std::string length = all.substr(at, 8);
    const auto size = as<uint64_t>(length);
    EXPECT_EQ(as<uint32_t>(all.substr(at + 8, 4)), slow_masked_crc(length));
    const std::string payload = all.substr(at + 12, size);
    EXPECT_EQ(as<uint32_t>(all.substr(at + 12 + size, 4)), slow_masked_crc(payload));
    result.push_back(fields(payload));
    at += 16 + size;
  }
  return result;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files(std::filesystem::directory_iterator(folder), {});
  std::sort(files.begin(), files.end());
  return files;
}

Fields value_of(const Fields& event) { return fields(at(fields(at(event, 5)), 1)); }

TEST(TensorBoard, ChecksumsMatchThePublishedVectors) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(masked_crc32c("\x1a\x11"
                          "CRC test, one two"),
            0x5794d08au);
}

TEST(TensorBoard, ScalarsAreEventsAnIndependentReaderFinds) {
  const test::Scratch folder;
  TensorBoardWriter writer(folder.folder());
  writer.scalar("train/loss", 300, 0.25);
  writer.scalar("train/損失", 301, std::nan(""));
  ASSERT_EQ(files_of(folder.folder()).size(), 1u);
  EXPECT_THAT(files_of(folder.folder())[0].filename().string(),
              ::testing::MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..*\\.[0-9]+\\.[0-9]+"));
  const auto all = events(files_of(folder.folder())[0]);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(at(all[0], 3), "brain.Event:2");
  EXPECT_GT(as<double>(at(all[1], 1)), 1.6e9);
  EXPECT_EQ(at(all[1], 2), "300");
  EXPECT_EQ(at(value_of(all[1]), 1), "train/loss");
  EXPECT_EQ(as<float>(at(value_of(all[1]), 2)), 0.25f);
  EXPECT_EQ(at(value_of(all[2]), 1), "train/損失");
  EXPECT_TRUE(std::isnan(as<float>(at(value_of(all[2]), 2))));
}

TEST(TensorBoard, TextIsAStringTensorOfTheTextPlugin) {
  const test::Scratch folder;
  TensorBoardWriter(folder.folder()).text("samples", 7, "路\n**x**");
  const Fields value = value_of(events(files_of(folder.folder())[0]).at(1));
  const Fields tensor = fields(at(value, 8)), metadata = fields(at(value, 9));
  EXPECT_EQ(at(tensor, 1), "7");  // DT_STRING
  EXPECT_EQ(at(tensor, 8), "路\n**x**");
  EXPECT_EQ(at(fields(at(metadata, 1)), 1), "text");
  EXPECT_EQ(at(metadata, 4), "2");
}

TEST(TensorBoard, HparamsCarryNumbersTextsAndTheGroup) {
  const test::Scratch folder;
  TensorBoardWriter writer(folder.folder());
  writer.hparams({{"rank", 8}}, {{"method", "some"}}, "roads");
  writer.end_session(false);
  const auto all = events(files_of(folder.folder())[0]);
  ASSERT_EQ(all.size(), 3u);
  const Fields start = value_of(all[1]), end = value_of(all[2]);
  EXPECT_EQ(at(start, 1), "_hparams_/session_start_info");
  const Fields plugin = fields(at(fields(at(start, 9)), 1));
  EXPECT_EQ(at(plugin, 1), "hparams");
  const Fields session = fields(at(fields(at(plugin, 2)), 3));
  EXPECT_EQ(at(session, 4), "roads");
  ASSERT_EQ(session.count(1), 2u);
  const Fields rank = fields(session.find(1)->second), method = fields(std::next(session.find(1))->second);
  EXPECT_EQ(at(rank, 1), "rank");
  EXPECT_EQ(as<double>(at(fields(at(rank, 2)), 2)), 8.0);
  EXPECT_EQ(at(fields(at(method, 2)), 3), "some");
  EXPECT_EQ(at(end, 1), "_hparams_/session_end_info");
  EXPECT_EQ(at(fields(at(fields(at(fields(at(fields(at(end, 9)), 1)), 2)), 4)), 1), "2");  // failure
}

TEST(TensorBoard, AResumedRunOpensAFileThatSortsBehind) {
  const test::Scratch folder;
  std::vector<std::filesystem::path> in_order;
  for (int i = 0; i < 5; ++i) {
    TensorBoardWriter writer(folder.folder());
    for (const auto& file : files_of(folder.folder()))
      if (std::find(in_order.begin(), in_order.end(), file) == in_order.end()) in_order.push_back(file);
  }
  EXPECT_EQ(in_order, files_of(folder.folder()));
  EXPECT_EQ(in_order.size(), 5u);
}

TEST(TensorBoard, ForgettingIsASessionStartAtTheNextStep) {
  const test::Scratch folder;
  TensorBoardWriter(folder.folder()).forget_after(10);
  const Fields mark = events(files_of(folder.folder())[0]).at(1);
  EXPECT_EQ(at(mark, 2), "11");
  EXPECT_EQ(at(fields(at(mark, 7)), 1), "1");
}

TEST(TensorBoard, AFolderThatIsNotThereIsARunError) {
  EXPECT_THROW(TensorBoardWriter("/nonexistent/folder"), RunError);
}

std::string peer_python() {
  const char* given = std::getenv("PEFTLAB_PEER_PYTHON");
  return given ? given : "python3";
}

bool has_tensorboard() {
  return std::system(("'" + peer_python() + "' -c 'import tensorboard' >/dev/null 2>&1").c_str()) == 0;
}

constexpr char kNoTensorBoard[] = "no python3 with tensorboard (PEFTLAB_PEER_PYTHON names another one)";

/// The exit status of a Python script that is given the folder.
int status_of(const test::Scratch& folder, const std::string& script) {
  const test::Scratch place;
  test::put(place / "read.py", script);
  return std::system(("'" + peer_python() + "' '" + (place / "read.py").string() + "' '" + folder.folder().string() + "'").c_str());
}

TEST(TensorBoard, TensorBoardItselfReadsTheFile) {
  if (!has_tensorboard()) GTEST_SKIP() << kNoTensorBoard;
  const test::Scratch folder;
  {
    TensorBoardWriter writer(folder.folder());
    for (int step = 1; step <= 20; ++step) writer.scalar("train/loss", step, 1.0 / step);
    writer.hparams({{"rank", 8}}, {{"method", "some"}}, "roads");
  }
  TensorBoardWriter resumed(folder.folder());
  resumed.forget_after(10);
  for (int step = 11; step <= 15; ++step) resumed.scalar("train/loss", step, 2.0);
  resumed.text("sample", 15, "hello");
  resumed.end_session(true);
  EXPECT_EQ(status_of(folder, R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
a = EventAccumulator(sys.argv[1])
a.Reload()
points = [(p.step, p.value) for p in a.Scalars('train/loss')]
assert [s for s, _ in points] == list(range(1, 16)), points
assert abs(points[9][1] - 0.1) < 1e-7, points
assert all(v == 2.0 for _, v in points[10:]), points
assert a.Tensors('sample')[0].tensor_proto.string_val[0] == b'hello'
content = a.SummaryMetadata('_hparams_/session_start_info').plugin_data.content
start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
assert start.group_name == 'roads' and start.hparams['rank'].number_value == 8 and start.hparams['method'].string_value == 'some', start
content = a.SummaryMetadata('_hparams_/session_end_info').plugin_data.content
assert plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info.status == 1
)"),
            0);
}

TEST(TensorBoard, ItsTableOfHyperParametersGroupsSeedsAndAveragesThem) {
  if (!has_tensorboard()) GTEST_SKIP() << kNoTensorBoard;
  const test::Scratch folder;
  for (const auto& [name, rank, seed] : {std::tuple("small", 2.0, 0), {"small", 2.0, 1}, {"large", 64.0, 0}}) {
    const auto run = folder / (std::string(name) + std::to_string(seed));
    std::filesystem::create_directory(run);
    TensorBoardWriter writer(run);
    writer.hparams({{"rank", rank}}, {{"method", "some"}}, name);
    writer.scalar("train/loss", 1, rank + seed);
    writer.end_session(true);
  }
  EXPECT_EQ(status_of(folder, R"(
import sys
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
multiplexer = EventMultiplexer().AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()
context = backend_context.Context(base_plugin.TBContext(data_provider=MultiplexerDataProvider(multiplexer, sys.argv[1])))
request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=10, allowed_statuses=[api_pb2.STATUS_SUCCESS],
                                           aggregation_type=api_pb2.AGGREGATION_AVG)
request.col_params.add().metric.tag = 'train/loss'
groups = list_session_groups.Handler(RequestContext(), context, '', request).run().session_groups
shown = {g.name: (g.hparams['rank'].number_value, g.hparams['method'].string_value, len(g.sessions), g.metric_values[0].value) for g in groups}
assert shown == {'small': (2.0, 'some', 2, 2.5), 'large': (64.0, 'some', 1, 64.0)}, shown
)"),
            0);
}

}  // namespace
}  // namespace peftlab::report
