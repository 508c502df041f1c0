#include "core/page/page.h"

#include <algorithm>

#include "core/compare/json_access.h"
#include "core/page/html.h"
#include "core/page/sections.h"
#include "core/page/style.h"

namespace peftlab::page {
namespace {

struct Section {
  const char* id;
  const char* title;
  Html (*make)(const Group&);
};

constexpr Section kSections[] = {{"table", "The table", comparison_table},
                                 {"intervals", "Quality and forgetting, with intervals", intervals},
                                 {"pareto", "What quality costs", pareto_plots},
                                 {"curves", "Learning curves", learning_curves},
                                 {"phases", "Time and memory by phase", phases},
                                 {"methods", "What the methods report", method_reports},
                                 {"updates", "Singular values of the learned updates", weight_updates},
                                 {"wrong", "Wrong outputs, side by side", wrong_outputs},
                                 {"free", "Free answers, before and after", free_answers},
                                 {"settings", "Settings that differ", differing_settings},
                                 {"provenance", "Versions, hashes, machines", provenance}};

std::string counted(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

size_t num_runs(const Material& material) {
  size_t count = 0;
  for (const auto& group : material.groups) count += group.comparison.runs.size();
  return count;
}

size_t num_rows(const Material& material) {
  size_t count = 0;
  for (const auto& group : material.groups) {
    for (const auto& row : group.comparison.rows) count += row.untrained ? 0 : 1;
  }
  return count;
}

/// "roads.json with smollm2-135m-instruct", of the first run that tells.
std::string subject(const Material& material) {
  for (const auto& group : material.groups) {
    for (const auto& row : group.rows) {
      const auto task = compare::text_at(row.record(), "experiment", "task");
      const auto model = compare::text_at(row.record(), "model", "name");
      if (!task.empty()) return task + (model.empty() ? "" : " with " + model);
    }
  }
  return "methods compared";
}

/// What the experiments were for: the question of each, once.
Html questions(const Group& group) {
  std::vector<std::string> known;
  Html items;
  for (const auto& row : group.rows) {
    const auto about = row.row->untrained ? "" : compare::text_at(row.record(), "about");
    if (about.empty() || std::find(known.begin(), known.end(), about) != known.end()) continue;
    known.push_back(about);
    items += element("li", about);
  }
  if (items.empty()) return {};
  return element("details", element("summary", "What the experiments ask") + element("ul", items));
}

Html sections(const Group& group, const std::string& prefix, Html& contents) {
  Html all;
  for (const auto& section : kSections) {
    const auto inner = section.make(group);
    if (inner.empty()) continue;
    const auto id = prefix + section.id;
    contents += element("li", element("a", {{"href", "#" + id}}, section.title));
    all += element("section", {{"id", id}, {"aria-label", section.title}}, element("h2", section.title) + inner);
  }
  return all;
}

Html list_of_sentences(const std::vector<std::string>& sentences) {
  Html items;
  for (const auto& sentence : sentences) items += element("li", sentence);
  return sentences.empty() ? Html() : element("ul", items);
}

Html body(const Material& material) {
  const bool several = material.groups.size() > 1;
  Html content;
  if (several) {
    content += element("p", "These runs are not alike, so that they stand in " +
                                counted(material.groups.size(), "table") + " and not in one. They differ in:");
    std::vector<std::string> differences;
    for (const auto& difference : material.apart) differences.push_back(compare::described(difference));
    content += list_of_sentences(differences);
  }
  content += list_of_sentences(material.notes);
  for (size_t i = 0; i < material.groups.size(); ++i) {
    const auto& group = material.groups[i];
    Html contents;
    const auto inner = sections(group, several ? "group" + std::to_string(i + 1) + "-" : "", contents);
    const auto name = "Group " + std::to_string(i + 1) + " of " + std::to_string(material.groups.size());
    if (several) content += element("h2", name);
    content += questions(group);
    content +=
        element("nav", {{"aria-label", several ? "Contents of " + name : "Contents"}}, element("ul", contents)) + inner;
  }
  return content;
}

Html head(const std::string& title) {
  const char* policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  return element("head",
                 single("meta", {{"charset", "utf-8"}}) +
                     single("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", policy}}) +
                     single("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}) +
                     element("title", title) + style_element());
}

}  // namespace

std::string document(const Material& material, const std::string& made_by) {
  const auto title = subject(material);
  const auto header = element("header", element("h1", title) + element("p", {{"class", "soft"}},
                                                                       counted(num_rows(material), "row") + " from " +
                                                                           counted(num_runs(material), "run")));
  const auto page =
      element("a", {{"class", "skip"}, {"href", "#content"}}, "To the content") + header +
      element("main", {{"id", "content"}}, body(material)) +
      element("footer", element("p", {{"class", "soft"}}, "Made by " + made_by + " from the records of the runs."));
  return "<!DOCTYPE html>\n" + element("html", {{"lang", "en"}}, head(title) + element("body", page)).markup() + "\n";
}

}  // namespace peftlab::page
