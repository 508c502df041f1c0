// What the tests of data share: temporary files, tasks written in place, a small chat format.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <unistd.h>
#include <vector>

#include "core/data/chat_format.h"
#include "core/data/conversation.h"
#include "core/data/task/task.h"

namespace peftlab::data {

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> next{0};
    path_ = std::filesystem::temp_directory_path() / ("peftlab-data-" + std::to_string(getpid()) + "-" + std::to_string(next++));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(PEFTLAB_SOURCE_DIR) / "tests/golden/data" / name;
}

inline std::filesystem::path shipped_task(const std::string& name) {
  return std::filesystem::path(PEFTLAB_SOURCE_DIR) / "experiments/tasks" / name;
}

/// What `call` throws; fails the test when it throws nothing of the kind.
template <typename Error = ConfigError, typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

inline Conversation talk(const std::vector<std::pair<std::string, std::string>>& turns, int64_t row = 1) {
  Conversation conversation{row, Json::array(), {}};
  for (const auto& [role, content] : turns) {
    conversation.messages.push_back({{"role", role}, {"content", content}});
    conversation.trained.push_back(role == "assistant");
  }
  return conversation;
}

/// One token a byte, but for a few written out below; "<s>role:text<e>" + newline for each message.
class ToyFormat : public ChatFormat {
 public:
  static constexpr int64_t kStart = 256, kEnd = 257, kSpecialB = 258, kMerged = 259, kBos = 260;

  std::string before, between = "\n", end = "<e>";
  bool trims = false;
  bool hides_answers = false;  // earlier answers are left out

  std::string render(const io::Json& messages, bool add_generation_prompt) const override {
    std::string text = before;
    for (size_t i = 0; i < messages.size(); ++i) {
      const std::string role = messages[i].at("role").get<std::string>();
      std::string content = messages[i].at("content").get<std::string>();
      if (trims) content = stripped(content);
      if (hides_answers && role == "assistant" && i + 1 < messages.size()) content = "...";
      text += "<s>" + role + ":" + content + end + between;
    }
    return add_generation_prompt ? text + "<s>assistant:" : text;
  }

  Encoding encode(std::string_view text) const override {
    static const std::vector<std::pair<std::string, int64_t>> known = {
        {"<s>", kStart}, {"<e>", kEnd}, {"<b>", kSpecialB}, {":{", kMerged}, {"<bos>", kBos}};
    Encoding encoding;
    for (size_t at = 0; at < text.size();) {
      size_t size = 1;
      int64_t id = static_cast<unsigned char>(text[at]);
      for (const auto& [word, number] : known) {
        if (text.substr(at, word.size()) == word) {
          size = word.size();
          id = number;
        }
      }
      encoding.ids.push_back(id);
      encoding.spans.push_back({at, at + size});
      at += size;
    }
    return encoding;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      if (id < 256) text += static_cast<char>(id);
      else text += id == kStart ? "<s>" : id == kEnd ? "<e>" : id == kSpecialB ? "<b>" : id == kMerged ? ":{" : "<bos>";
    }
    return text;
  }
  bool is_special(int64_t id) const override { return id >= 256 && id != kMerged; }
  std::optional<int64_t> bos() const override { return kBos; }
  std::vector<int64_t> ends() const override { return {kEnd}; }
  std::string hash() const override { return "toy" + before + between + end; }
};

}  // namespace peftlab::data
