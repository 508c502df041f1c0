#include "core/io/folder_writer.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/io/files.h"
#include "core/io/lock_file.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"
#include "small_disk.h"

namespace peftlab::io {
namespace {

using test::bytes_of;
using test::message_of;
using test::put;
using test::Scratch;
using testing::AllOf;
using testing::HasSubstr;

void write_checkpoint(const std::filesystem::path& target, const std::string& weights) {
  FolderWriter writer(target);
  writer.add("weights.bin", weights);
  writer.add("state/order.txt", "1 2 3");
  put(writer.folder() / "foreign.txt", "written by somebody else");
  writer.commit({{"step", 10}});
}

TEST(FolderWriter, AppearsWholeWithAManifestThatVerifies) {
  const Scratch scratch;
  write_checkpoint(scratch / "step-10", "abc");
  EXPECT_EQ(bytes_of(scratch / "step-10/weights.bin"), "abc");
  const Json manifest = read_json(scratch / "step-10/manifest.json").value;
  EXPECT_EQ(manifest["files"]["weights.bin"]["bytes"], 3);
  EXPECT_EQ(manifest["files"]["weights.bin"]["sha256"], sha256_hex("abc"));
  EXPECT_EQ(manifest["files"].size(), 3u);
  EXPECT_EQ(verify_folder(scratch / "step-10")["step"], 10);
  EXPECT_EQ(scratch.num_entries(), 1u);
}

TEST(FolderWriter, WithoutCommitNothingIsLeft) {
  const Scratch scratch;
  { FolderWriter(scratch / "step-10").add("weights.bin", "abc"); }
  EXPECT_EQ(scratch.num_entries(), 0u);
}

TEST(FolderWriter, ReplacesAFolderWithoutAMomentWithoutOne) {
  const Scratch scratch;
  write_checkpoint(scratch / "best", "start");
  // Only the way round a file system that cannot swap touches this one.
  std::filesystem::create_directory(replaced_beside(scratch / "best"));
  std::atomic<bool> done{false};
  std::atomic<int> missing{0};
  std::thread reader([&] {
    while (!done) missing += std::filesystem::exists(scratch / "best") ? 0 : 1;
  });
  for (int i = 0; i < 50; ++i) write_checkpoint(scratch / "best", std::to_string(i));
  done = true;
  reader.join();
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(bytes_of(scratch / "best/weights.bin"), "49");
  EXPECT_TRUE(std::filesystem::exists(replaced_beside(scratch / "best"))) << "the folders were not swapped";
  EXPECT_EQ(scratch.num_entries(), 2u);
}

TEST(FolderWriter, ReplacesAlsoWhereFoldersCannotBeSwapped) {
  const Scratch scratch;
  write_checkpoint(scratch / "best", "old");
  std::filesystem::create_directory(replaced_beside(scratch / "best"));
  write_checkpoint(scratch / "next", "new");
  put_in_place(scratch / "next", scratch / "best", /*can_swap=*/false);
  EXPECT_EQ(bytes_of(scratch / "best/weights.bin"), "new");
  EXPECT_EQ(bytes_of(scratch / "next/weights.bin"), "old");
  EXPECT_EQ(scratch.num_entries(), 2u);
  EXPECT_THAT(message_of<RunError>([&] { put_in_place(scratch / "none", scratch / "best", /*can_swap=*/false); }),
              HasSubstr("best: cannot write: no such file"));
  EXPECT_EQ(bytes_of(scratch / "best/weights.bin"), "new") << "the old one is put back";
}

using SmallDisk = test::SmallDisk;

TEST_F(SmallDisk, AFolderThatDoesNotFitLeavesTheOldOne) {
  write_checkpoint(scratch_ / "best", "old");
  const auto write_large = [&] {
    FolderWriter writer(scratch_ / "best");
    writer.add("weights.bin", std::string(100'000, 'x'));
    writer.commit();
  };
  EXPECT_THAT(message_of<RunError>(write_large),
              AllOf(HasSubstr((scratch_ / "best/weights.bin").string() + ": cannot write 100000 bytes: no space left"),
                    HasSubstr("bytes are free there")));
  EXPECT_EQ(verify_folder(scratch_ / "best")["step"], 10);
  EXPECT_EQ(scratch_.num_entries(), 1u);
}

TEST(FolderWriter, RefusesWrongTargetsAndNames) {
  const Scratch scratch;
  put(scratch / "file", "x");
  EXPECT_THAT(message_of<RunError>([&] { FolderWriter(scratch / "file"); }),
              HasSubstr("file: cannot write: is no folder"));
  EXPECT_THAT(message_of<RunError>([&] { FolderWriter(scratch / "no/folder"); }),
              HasSubstr("no/folder: cannot write: no such"));
  FolderWriter writer(scratch / "out");
  for (const char* name : {"", "/etc/x", "../x", "a/../../x", "manifest.json", "folder/"}) {
    EXPECT_THROW(writer.add(name, "x"), std::invalid_argument) << name;
  }
}

TEST(VerifyFolder, TellsAllMistakesAtOnce) {
  const Scratch scratch;
  write_checkpoint(scratch / "c", "abc");
  put(scratch / "c/weights.bin", "abd");
  put(scratch / "c/state/order.txt", "1 2");
  std::filesystem::remove(scratch / "c/foreign.txt");
  EXPECT_THAT(message_of<ConfigError>([&] { verify_folder(scratch / "c"); }),
              AllOf(HasSubstr("c/weights.bin: its SHA-256 is not the manifest's"),
                    HasSubstr("c/state/order.txt: has 3 bytes, the manifest says 5"),
                    HasSubstr("c/foreign.txt: cannot read: no such file")));
}

TEST(VerifyFolder, RefusesManifestsThatAreNone) {
  const Scratch scratch;
  EXPECT_THAT(message_of<ConfigError>([&] { verify_folder(scratch.folder()); }), HasSubstr("manifest.json"));
  for (const char* text : {"[]", "{}", R"({"format": "other", "files": {}, "about": {}})",
                           R"({"format": "peftlab-manifest-1", "files": [], "about": {}})"}) {
    put(scratch / "manifest.json", text);
    EXPECT_THAT(message_of<ConfigError>([&] { verify_folder(scratch.folder()); }),
                HasSubstr("is no manifest of peftlab's"))
        << text;
  }
  put(scratch / "manifest.json", R"({"format": "peftlab-manifest-1", "about": {}, "files": {
      "../x": {"bytes": 1, "sha256": ""}, "y": {"bytes": -1, "sha256": ""}}})");
  EXPECT_THAT(message_of<ConfigError>([&] { verify_folder(scratch.folder()); }),
              AllOf(HasSubstr("'../x' leads outside"), HasSubstr("'y' has no bytes and sha256")));
}

TEST(LockFile, NamesTheOwnerToWhoeverComesSecond) {
  const Scratch scratch;
  {
    const LockFile lock(scratch / "lock");
    EXPECT_THAT(message_of<ConfigError>([&] { LockFile(scratch / "lock"); }),
                AllOf(HasSubstr("lock: in use by process " + std::to_string(::getpid()) + " on host "),
                      HasSubstr("wait until")));
  }
  EXPECT_EQ(scratch.num_entries(), 0u);
  const LockFile again(scratch / "lock");
}

TEST(LockFile, OfADeadProcessIsTakenOver) {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    new LockFile(scratch / "lock");
    ::_exit(0);  // no destructor runs, as after kill -9
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(std::filesystem::exists(scratch / "lock"));
  const LockFile taken(scratch / "lock");
  EXPECT_THAT(bytes_of(scratch / "lock"), HasSubstr("process " + std::to_string(::getpid()) + " on host"));
}

TEST(LockFile, MovesAndRefusesFoldersThatAreNotThere) {
  const Scratch scratch;
  LockFile first(scratch / "lock");
  const LockFile second(std::move(first));
  EXPECT_THROW(LockFile(scratch / "lock"), ConfigError);
  EXPECT_THAT(message_of<RunError>([&] { LockFile(scratch / "no/lock"); }),
              HasSubstr("no/lock: cannot write: no such"));
}

}  // namespace
}  // namespace peftlab::io
