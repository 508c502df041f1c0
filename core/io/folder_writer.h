// Folders that appear whole or not at all, with a manifest that tells later whether they still are.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/io/json.h"

namespace peftlab::io {

constexpr char kManifestName[] = "manifest.json";

/// Fills a temporary folder beside `target` and puts it in place at once. All failures to write are RunErrors that name
/// the path, the bytes wanted and the bytes free; then the target is as it was.
class FolderWriter {
 public:
  /// Makes the temporary folder. The parent of `target` must exist; a target that exists must be a folder.
  explicit FolderWriter(std::filesystem::path target);
  /// Removes what was written unless committed.
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  /// The temporary folder: other writers may put files straight into it.
  const std::filesystem::path& folder() const { return temporary_; }

  /// Writes one file; `name` is relative and may name subfolders. REQUIRES: not "manifest.json", no "..".
  void add(const std::string& name, std::string_view bytes);

  /// Syncs every file, writes manifest.json last (`about`, and size and SHA-256 of each file), and renames. A target
  /// that exists is swapped with the new folder in one step, then removed; where the file system cannot swap, the old
  /// one stands as replaced_beside(target) for a moment and remove_leftovers puts it back after a crash.
  void commit(const Json& about = Json::object());

 private:
  void write_manifest(const Json& about) const;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::map<std::string, std::string> digests_;  // of what went through add: bytes as they were meant, not as read back
};

/// The rename of commit, for itself. `can_swap` false: go the way of a file system that cannot swap two folders.
/// Afterwards `temporary` is the old folder, if there was one.
void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& target, bool can_swap = true);

/// Reads manifest.json and checks that every file it lists is there with its size and SHA-256; returns the `about` it
/// was written with. Files that it does not list are let be. Throws ConfigError with one line for each mistake.
Json verify_folder(const std::filesystem::path& folder);

/// The `about` of a manifest that was read; null where the JSON is no manifest of peftlab's.
Json manifest_about(const Json& manifest);

}  // namespace peftlab::io
