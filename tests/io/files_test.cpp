#include "core/io/files.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "core/io/mapped_file.h"
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
using testing::StartsWith;

TEST(Sha256, MatchesPublishedVectors) {  // FIPS 180-4, examples
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  for (int i = 0; i < 1000; ++i) pieces.update(std::string(1000, 'a'));
  EXPECT_EQ(pieces.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const Scratch scratch;
  const std::string bytes(3'000'001, 'x');
  put(scratch / "f", bytes);
  EXPECT_EQ(sha256_file(scratch / "f"), sha256_hex(bytes));
  EXPECT_THAT(message_of<ConfigError>([&] { sha256_file(scratch / "none"); }),
              HasSubstr("none: cannot read: no such file"));
}

TEST(ReadFile, ReadsWholeFilesUpToTheLimit) {
  const Scratch scratch;
  const std::string bytes = std::string("a\0b", 3) + std::string(100'000, 'c');
  put(scratch / "f", bytes);
  put(scratch / "empty", "");
  EXPECT_EQ(read_file(scratch / "f"), bytes);
  EXPECT_EQ(read_file(scratch / "f", bytes.size()), bytes);
  EXPECT_EQ(read_file(scratch / "empty"), "");
  EXPECT_THAT(message_of<ConfigError>([&] { read_file(scratch / "f", bytes.size() - 1); }),
              AllOf(HasSubstr("f: has 100003 bytes"), HasSubstr("at most 100002")));
}

TEST(ReadFile, ReadsFilesThatHideTheirSize) {
  EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Pid:"));
  EXPECT_THAT(message_of<ConfigError>([&] { read_file("/proc/self/status", 10); }),
              HasSubstr("more than the 10 bytes"));
}

TEST(ReadFile, RefusesWhatIsNoFile) {
  const Scratch scratch;
  EXPECT_THAT(message_of<ConfigError>([&] { read_file(scratch.folder()); }), HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(message_of<ConfigError>([&] { read_file("/dev/zero"); }), HasSubstr("/dev/zero: is no regular file"));
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(message_of<ConfigError>([&] { read_file(scratch / "pipe"); }), HasSubstr("is no regular file"));
}

TEST(WriteFile, MakesAndReplaces) {
  const Scratch scratch;
  write_file(scratch / "f", "one");
  EXPECT_EQ(bytes_of(scratch / "f"), "one");
  write_file(scratch / "f", "two, longer");
  EXPECT_EQ(bytes_of(scratch / "f"), "two, longer");
  EXPECT_EQ(scratch.num_entries(), 1u) << "nothing else is left";
}

TEST(WriteFile, TakesItsModeFromTheUmask) {
  const Scratch scratch;
  const mode_t before = ::umask(027);
  write_file(scratch / "f", "x");
  ::umask(before);
  struct stat status;
  ASSERT_EQ(::stat((scratch / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(WriteFile, RefusesTargetsThatAreNoFiles) {
  const Scratch scratch;
  EXPECT_THAT(message_of<RunError>([&] { write_file(scratch.folder(), "x"); }),
              HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(message_of<RunError>([&] { write_file("/dev/full", "x"); }), HasSubstr("is no regular file"));
  EXPECT_THAT(message_of<RunError>([&] { write_file(scratch / "no/f", "x"); }),
              AllOf(HasSubstr("no/f: cannot write 1 bytes: no such file"), HasSubstr("make the folder first")));
}

TEST(WriteFile, AFolderThatRefusesIsNamed) {
  // Root may write to folders without permission bits: only the system's own folders refuse everybody.
  EXPECT_THAT(message_of<RunError>([] { write_file("/proc/self/peftlab-test", "12345"); }),
              StartsWith("/proc/self/peftlab-test: cannot write 5 bytes: "));
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const Scratch scratch;
  put(scratch / "f", "old");
  {
    AtomicFile file(scratch / "f");
    file.write("half of the new");
    EXPECT_EQ(scratch.num_entries(), 2u);
  }
  EXPECT_EQ(bytes_of(scratch / "f"), "old");
  EXPECT_EQ(scratch.num_entries(), 1u);
}

TEST(AppendFile, AppendsAlsoToWhatIsThere) {
  const Scratch scratch;
  { AppendFile(scratch / "log").append("one\n"); }
  AppendFile log(scratch / "log");
  log.append("two\n");
  log.sync();
  EXPECT_EQ(bytes_of(scratch / "log"), "one\ntwo\n");
  EXPECT_THAT(message_of<RunError>([&] { AppendFile(scratch / "no/log"); }),
              HasSubstr("no/log: cannot write: no such file"));
}

TEST(AppendFile, AFullDiskIsToldWithPathAndBytes) {
  AppendFile full("/dev/full");
  EXPECT_THAT(message_of<RunError>([&] { full.append("four"); }),
              AllOf(StartsWith("/dev/full: cannot write 4 bytes: no space left on device"),
                    HasSubstr("bytes are free there"), HasSubstr("make room")));
}

TEST(RemoveLeftovers, TakesAwayWhatKilledWritersLeft) {
  const Scratch scratch;
  put(temporary_beside(scratch / "a.json"), "half");
  std::filesystem::create_directory(temporary_beside(scratch / "step-10"));
  put(scratch / "kept.json", "whole");
  put(scratch / ".hidden", "not ours");
  std::filesystem::create_directory(replaced_beside(scratch / "gone"));
  put(replaced_beside(scratch / "gone") / "f", "x");
  std::filesystem::create_directory(scratch / "there");
  std::filesystem::create_directory(replaced_beside(scratch / "there"));
  remove_leftovers(scratch.folder());
  EXPECT_EQ(scratch.num_entries(), 4u);
  EXPECT_TRUE(std::filesystem::exists(scratch / "kept.json"));
  EXPECT_TRUE(std::filesystem::exists(scratch / ".hidden"));
  EXPECT_EQ(bytes_of(scratch / "gone/f"), "x") << "a folder caught between two renames is put back";
}

TEST(FreeBytes, IsThatOfTheNearestFolderThatExists) {
  const Scratch scratch;
  EXPECT_GT(free_bytes(scratch.folder()), 0u);
  EXPECT_GT(free_bytes(scratch / "not/yet/made"), 0u);
}

using SmallDisk = test::SmallDisk;

TEST_F(SmallDisk, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_file(scratch_ / "f", "old");
  const uint64_t free_before = free_bytes(scratch_.folder());
  EXPECT_THAT(
      message_of<RunError>([&] { write_file(scratch_ / "f", std::string(100'000, 'x')); }),
      AllOf(HasSubstr("f: cannot write 100000 bytes: no space left on device"), HasSubstr("bytes are free there")));
  EXPECT_EQ(bytes_of(scratch_ / "f"), "old");
  EXPECT_EQ(scratch_.num_entries(), 1u);
  EXPECT_EQ(free_bytes(scratch_.folder()), free_before);
}

TEST_F(SmallDisk, ALogThatMeetsAFullDiskKeepsWholeLines) {
  AppendFile log(scratch_ / "log");
  log.append("first line\n");
  EXPECT_THROW(log.append(std::string(100'000, 'x') + "\n"), RunError);
  EXPECT_EQ(bytes_of(scratch_ / "log"), "first line\n");
  log.append("next\n");
  EXPECT_EQ(bytes_of(scratch_ / "log"), "first line\nnext\n");
}

TEST_F(SmallDisk, AReadOnlyDiskIsNamed) {
  ASSERT_EQ(::mount("tmpfs", scratch_.folder().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k"), 0);
  EXPECT_THAT(message_of<RunError>([&] { write_file(scratch_ / "f", "x"); }),
              AllOf(HasSubstr("read-only file system"), HasSubstr("choose a folder you may write to")));
}

TEST(MappedFile, ShowsTheBytesAndKnowsThatItDoes) {
  const Scratch scratch;
  put(scratch / "f", "hello");
  put(scratch / "empty", "");
  EXPECT_FALSE(is_mapped(scratch / "f"));
  {
    MappedFile first(scratch / "f");
    MappedFile second(std::move(first));
    EXPECT_EQ(second.text(1, 3), "ell");
    EXPECT_EQ(second.size(), 5u);
    EXPECT_TRUE(is_mapped(scratch / "f"));
    MappedFile empty(scratch / "empty");
    EXPECT_EQ(empty.size(), 0u);
    empty = std::move(second);
    EXPECT_EQ(empty.text(0, 5), "hello");
  }
  EXPECT_FALSE(is_mapped(scratch / "f"));
  EXPECT_THAT(message_of<ConfigError>([&] { MappedFile(scratch / "none"); }),
              HasSubstr("none: cannot read: no such file"));
}

}  // namespace
}  // namespace peftlab::io
