// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy_progress.hpp"

#include <algorithm>
#include <cstdio>

namespace millrace::cli {

namespace {

constexpr std::int64_t show_every_ns = 200'000'000;
constexpr int look_every = 256;  // records between looks at the clock
constexpr int bar_width = 24;

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(units); ++unit)
    size /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", size, units[unit]);
  return text;
}

void CopyProgress::begin(connect::CopyStage stage, std::int64_t offsets) {
  stage_ = stage;
  total_ = offsets;
  offsets_ = records_ = 0;
  bytes_ = 0;
  until_look_ = 0;
  begun_ns_ = shown_ns_ = clock_.monotonic_ns();
}

void CopyProgress::add(std::int64_t offsets, std::size_t bytes) {
  offsets_ += offsets;
  ++records_;
  bytes_ += bytes;
  if (terminal_ == nullptr || --until_look_ > 0) return;
  until_look_ = look_every;
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (now_ns - shown_ns_ >= show_every_ns) show(now_ns);
}

void CopyProgress::show(std::int64_t now_ns) {
  shown_ns_ = now_ns;
  const double part =
      total_ <= 0 ? 1.0
                  : std::clamp(static_cast<double>(offsets_) / static_cast<double>(total_), 0., 1.);
  const double seconds = static_cast<double>(now_ns - begun_ns_) / 1e9;
  const auto filled = static_cast<std::size_t>(part * bar_width);
  char text[160];
  std::snprintf(text, sizeof text, "\r%s [%s%s] %3.0f %%, %lld records, %s, %.0f records/s\x1b[K",
                stage_ == connect::CopyStage::copying ? "copying" : "comparing",
                std::string(filled, '#').c_str(), std::string(bar_width - filled, '.').c_str(),
                part * 100, static_cast<long long>(records_), bytes_text(bytes_).c_str(),
                static_cast<double>(records_) / std::max(seconds, 1e-3));
  terminal_->control(text);
  terminal_->flush();
}

void CopyProgress::end() {
  if (terminal_ == nullptr || shown_ns_ == begun_ns_) return;
  terminal_->control("\r\x1b[K");
  terminal_->flush();
}

}  // namespace millrace::cli
