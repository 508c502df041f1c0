#include "core/check/finding.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace peftlab::check {
namespace {

double apart_at_most(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.numel() == 0) return 0.0;
  return (a.detach().to(torch::kFloat64) - b.detach().to(torch::kFloat64)).abs().max().item<double>();
}

std::string kind_of(const torch::Tensor& x) {
  if (!x.defined()) return "nothing";
  std::ostringstream text;
  text << torch::toString(x.scalar_type()) << " " << x.sizes();
  return text.str();
}

}  // namespace

std::string shown_figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

double magnitude(const torch::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.detach().abs().max().to(torch::kFloat64).item<double>();
}

void Finding::note(double difference, double allowed) {
  // What is not a number is the worst there is.
  const auto share = [](double d, double a) {
    return std::isnan(d) ? INFINITY : a > 0 ? d / a : d > 0 ? INFINITY : 0.0;
  };
  if (!has_figure_ || share(difference, allowed) > share(difference_, allowed_)) {
    difference_ = difference;
    allowed_ = allowed;
  }
  has_figure_ = true;
}

void Finding::add(Fault fault) {
  const auto same_what = [&](const Fault& known) { return !fault.what.empty() && known.what == fault.what; };
  const auto known = std::find_if(faults_.begin(), faults_.end(), same_what);
  if (known == faults_.end())
    faults_.push_back(std::move(fault));
  else if (!(fault.size <= known->size))
    *known = std::move(fault);
}

std::vector<std::string> Finding::faults() const {
  std::vector<std::string> all;
  for (const auto& fault : faults_) all.push_back(fault.what + (fault.what.empty() ? "" : ": ") + fault.said);
  return all;
}

void Finding::close(double actual, double expected, double allowed, const std::string& what) {
  ++num_compared_;
  const double apart = std::abs(actual - expected);
  note(apart, allowed);
  if (!(apart <= allowed)) {
    add({what, "differs by " + shown_figure(apart) + ", allowed " + shown_figure(allowed), apart});
  }
}

void Finding::close(const torch::Tensor& actual, const torch::Tensor& expected, double allowed,
                    const std::string& what) {
  if (!actual.defined() || !expected.defined() || actual.sizes() != expected.sizes()) {
    ++num_compared_;
    add({what, "got " + kind_of(actual) + ", expected " + kind_of(expected)});
    return;
  }
  close(apart_at_most(actual, expected), 0.0, allowed, what);
}

void Finding::same(const torch::Tensor& actual, const torch::Tensor& expected, const std::string& what) {
  ++num_compared_;
  if (!actual.defined() || !expected.defined() || actual.sizes() != expected.sizes() ||
      actual.scalar_type() != expected.scalar_type()) {
    if (actual.defined() || expected.defined())
      add({what, "got " + kind_of(actual) + ", expected " + kind_of(expected)});
    return;
  }
  const bool equal = torch::equal(actual, expected);
  const double apart = equal ? 0.0 : apart_at_most(actual, expected);
  note(apart, 0.0);
  if (!equal) add({what, "differs by " + shown_figure(apart) + ", expected the same bits", apart});
}

void Finding::demand(bool holds, const std::string& otherwise) {
  ++num_compared_;
  if (!holds) add({"", otherwise});
}

void Finding::join(const Finding& other, const std::string& where) {
  num_compared_ += other.num_compared_;
  if (other.has_figure_) note(other.difference_, other.allowed_);
  if (reason_.empty()) reason_ = other.reason_;
  for (const auto& fault : other.faults_)
    faults_.push_back({where + (fault.what.empty() ? "" : ": ") + fault.what, fault.said, fault.size});
}

}  // namespace peftlab::check
