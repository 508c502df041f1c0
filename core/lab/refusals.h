// What cannot be done with the methods on a model, gathered by method and kind of point so that it is told at once.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/io/json.h"

namespace peftlab::lab {

class Refusals {
 public:
  /// `what`: "cannot be merged". `instead`: what to do.
  Refusals(std::string what, std::string instead) : what_(std::move(what)), instead_(std::move(instead)) {}

  /// `reason` goes on with the name of the point; "": there is none.
  void add(const std::string& method, const std::string& reason, const std::string& point) {
    all_[{method, reason}].push_back(point);
  }

  /// Throws ConfigError, one line for each method and reason, with the first point and the number of the others.
  void throw_if_any() const {
    io::Mistakes mistakes;
    for (const auto& [key, points] : all_) {
      std::string text = what_ + ": it " + key.second;
      if (!points.front().empty()) text += " " + points.front();
      if (points.size() > 1) text += " and " + std::to_string(points.size() - 1) + " more";
      mistakes.add("method '" + key.first + "'", "", text + "; " + instead_);
    }
    mistakes.throw_if_any();
  }

 private:
  std::string what_;
  std::string instead_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> all_;
};

}  // namespace peftlab::lab
