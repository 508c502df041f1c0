#include "core/io/folder_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <vector>

#include "core/io/files.h"

namespace peftlab::io {
namespace {

namespace fs = std::filesystem;

constexpr char kFormat[] = "peftlab-manifest-1";

bool stays_inside(const std::string& name) {
  const fs::path path(name);
  if (name.empty() || path.is_absolute() || !path.has_filename()) return false;
  for (const fs::path& part : path) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

/// A failure in the temporary folder, told with the name that the user knows.
template <typename Action>
void told_of(const fs::path& target, const fs::path& temporary, Action action) {
  try {
    action();
  } catch (const RunError& error) {
    std::string text = error.what();
    const size_t at = text.find(temporary.string());
    if (at != std::string::npos) text.replace(at, temporary.string().size(), target.string());
    throw RunError(text);
  }
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_write_failure(folder, 0, error.value());
}

std::vector<std::string> files_below(const fs::path& folder, std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_directory()) folders.push_back(entry.path());
      else names.push_back(fs::relative(entry.path(), folder).generic_string());
    }
  } catch (const fs::filesystem_error& error) {
    throw_write_failure(folder, 0, error.code().value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_entry(const fs::path& folder, const std::string& name, const Json& entry, Mistakes& mistakes) {
  const std::string place = (folder / name).string();
  if (!stays_inside(name))
    return mistakes.add((folder / kManifestName).string(), "/files", "'" + name + "' leads outside");
  if (!entry.is_object() || !entry.contains("bytes") || !entry["bytes"].is_number_unsigned() ||
      !entry.contains("sha256") || !entry["sha256"].is_string()) {
    return mistakes.add((folder / kManifestName).string(), "/files", "'" + name + "' has no bytes and sha256");
  }
  try {
    const uint64_t expected = entry["bytes"].get<uint64_t>();
    const uint64_t got = file_size(open_for_reading(folder / name), folder / name);
    if (got != expected) {
      return mistakes.add(place, "",
                          "has " + std::to_string(got) + " bytes, the manifest says " + std::to_string(expected));
    }
    if (sha256_file(folder / name) != entry["sha256"].get<std::string>()) {
      mistakes.add(place, "", "its SHA-256 is not the manifest's: the file was changed or damaged");
    }
  } catch (const ConfigError& error) {
    mistakes.add(place, "", std::string(error.what()).substr(place.size() + 2));
  }
}

}  // namespace

void put_in_place(const fs::path& temporary, const fs::path& target, bool can_swap) {
  if (!fs::exists(fs::symlink_status(target))) {
    if (::rename(temporary.c_str(), target.c_str()) != 0) throw_write_failure(target, 0, errno);
    return;
  }
  if (can_swap) {
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) throw_write_failure(target, 0, errno);
  }
  const fs::path old = replaced_beside(target);
  std::error_code error;
  fs::remove_all(old, error);
  if (error) throw_write_failure(old, 0, error.value());
  if (::rename(target.c_str(), old.c_str()) != 0) throw_write_failure(target, 0, errno);
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    if (::rename(old.c_str(), target.c_str()) != 0) throw_write_failure(old, 0, errno);
    throw_write_failure(target, 0, reason);
  }
  if (::rename(old.c_str(), temporary.c_str()) != 0) throw_write_failure(old, 0, errno);
}

FolderWriter::FolderWriter(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  const fs::file_status status = fs::symlink_status(target_);
  if (fs::exists(status) && !fs::is_directory(status))
    throw RunError(target_.string() + ": cannot write: is no folder");
  const fs::path temporary = temporary_beside(target_);
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  if (::mkdir(temporary.c_str(), 0777) != 0) throw_write_failure(target_, 0, errno);
  temporary_ = temporary;
}

FolderWriter::~FolderWriter() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void FolderWriter::add(const std::string& name, std::string_view bytes) {
  if (!stays_inside(name) || name == kManifestName)
    throw std::invalid_argument("FolderWriter::add: name '" + name + "'");
  const fs::path path = temporary_ / name;
  told_of(target_, temporary_, [&] {
    make_folders(path.parent_path());
    write_file(path, bytes);
  });
  digests_[name] = sha256_hex(bytes);
}

void FolderWriter::write_manifest(const Json& about) const {
  std::vector<fs::path> folders;
  Json files = Json::object();
  for (const std::string& name : files_below(temporary_, folders)) {
    const Descriptor file = open_for_reading(temporary_ / name);
    sync_file(file, temporary_ / name);
    const auto known = digests_.find(name);
    files[name] = {{"bytes", file_size(file, temporary_ / name)},
                   {"sha256", known != digests_.end() ? known->second : sha256_file(temporary_ / name)}};
  }
  for (const fs::path& folder : folders) sync_folder(folder);
  const Json manifest = {{"format", kFormat}, {"about", about}, {"files", files}};
  write_file(temporary_ / kManifestName, manifest.dump(2) + "\n");
}

void FolderWriter::commit(const Json& about) {
  told_of(target_, temporary_, [&] { write_manifest(about); });
  put_in_place(temporary_, target_);
  sync_folder(target_.parent_path());
  // After a swap the old folder bears the temporary name; what cannot be removed now is a leftover, not a failure.
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
  temporary_.clear();
}

Json manifest_about(const Json& manifest) {
  if (!manifest.is_object() || manifest.value("format", Json()) != kFormat) return nullptr;
  return manifest.value("about", Json());
}

Json verify_folder(const fs::path& folder) {
  const Document manifest = read_json(folder / kManifestName);
  Mistakes mistakes;
  const Json& value = manifest.value;
  if (!value.is_object() || value.value("format", Json()) != kFormat || !value.contains("files") ||
      !value["files"].is_object() || !value.contains("about")) {
    throw ConfigError((folder / kManifestName).string() + ": is no manifest of peftlab's: expected the format '" +
                      kFormat + "'");
  }
  for (const auto& [name, entry] : value["files"].items()) check_entry(folder, name, entry, mistakes);
  mistakes.throw_if_any();
  return value["about"];
}

}  // namespace peftlab::io
