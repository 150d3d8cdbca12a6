// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "summary.hpp"

#include <algorithm>
#include <array>
#include <boost/describe/class.hpp>
#include <cstdio>
#include <map>

#include "millrace/base/file_system.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/write_json.hpp"
#include "services.hpp"

namespace retail {

namespace {

// Of the file. Builds before it wrote none.
constexpr std::int64_t summary_format = 1;

struct LatencyFigures {
  double p50 = 0, p99 = 0, max = 0;
};
BOOST_DESCRIBE_STRUCT(LatencyFigures, (), (p50, p99, max))

struct AuditFigures {
  bool ok = false;
  std::vector<std::string> violations;
};
BOOST_DESCRIBE_STRUCT(AuditFigures, (), (ok, violations))

// Of all instances of a service: sums, and the most memory that one of them had.
struct ServiceFigures {
  std::int64_t instances = 0;
  double cpu_seconds = 0;
  double peak_rss_mb = 0;
  std::int64_t starts = 0;
};
BOOST_DESCRIBE_STRUCT(ServiceFigures, (), (instances, cpu_seconds, peak_rss_mb, starts))

struct SummaryFigures {
  static constexpr std::array millrace_as_text{"seed"};
  std::int64_t format = summary_format;
  std::int64_t invoices = 0, orders = 0, completed = 0, rejected = 0;
  std::map<std::string, std::int64_t> rejected_by;
  std::int64_t returns = 0, write_offs = 0, dead_lettered = 0, lines = 0;
  std::map<std::string, std::int64_t> revenue_milli, refunds_milli;
  std::int64_t continued_at = 0;
  double wall_seconds = 0, lines_per_s = 0;
  LatencyFigures order_latency_ms;
  std::int64_t kills = 0;
  std::uint64_t seed = 0;
  std::map<std::string, ServiceFigures> services;
  AuditFigures audit;
  LogSeen seen;
};
BOOST_DESCRIBE_STRUCT(SummaryFigures, (),
                      (format, invoices, orders, completed, rejected, rejected_by, returns,
                       write_offs, dead_lettered, lines, revenue_milli, refunds_milli, continued_at,
                       wall_seconds, lines_per_s, order_latency_ms, kills, seed, services, audit,
                       seen))

// What is looked at first: a later format may have no other member of these.
struct FormatFigure {
  std::optional<std::int64_t> format;
};
BOOST_DESCRIBE_STRUCT(FormatFigure, (), (format))

// What a finished run is recognised by.
struct FinishedFigures {
  std::int64_t invoices = 0;
  AuditFigures audit;
  std::optional<LogSeen> seen;
};
BOOST_DESCRIBE_STRUCT(FinishedFigures, (), (invoices, audit, seen))

double ms(std::int64_t us) { return static_cast<double>(us) / 1000.0; }

SummaryFigures figures_of(const Summary& summary) {
  const AuditReport& audit = summary.audit;
  SummaryFigures figures;
  figures.invoices = audit.invoices;
  figures.orders = audit.orders;
  figures.completed = audit.completed;
  figures.rejected = audit.rejected;
  figures.rejected_by = audit.rejected_by;
  figures.returns = audit.returns;
  figures.write_offs = audit.write_offs;
  figures.dead_lettered = audit.dead_lettered;
  figures.lines = audit.lines;
  figures.revenue_milli = audit.revenue_milli;
  figures.refunds_milli = audit.refunds_milli;
  figures.continued_at = static_cast<std::int64_t>(summary.feed.begun_at);
  figures.wall_seconds = summary.wall_seconds;
  if (summary.wall_seconds > 0)
    figures.lines_per_s = static_cast<double>(summary.lines_sent) / summary.wall_seconds;
  figures.order_latency_ms = {ms(summary.feed.latency_p50_us), ms(summary.feed.latency_p99_us),
                              ms(summary.feed.latency_max_us)};
  figures.kills = summary.kills;
  figures.seed = summary.seed;
  for (const auto& service : summary.services) {
    ServiceFigures& sum = figures.services[service_of(service.name)];
    ++sum.instances;
    sum.cpu_seconds += service.cpu_seconds;
    sum.peak_rss_mb = std::max(sum.peak_rss_mb, static_cast<double>(service.peak_rss_bytes) / 1e6);
    sum.starts += service.starts;
  }
  figures.audit = {audit.ok, audit.violations};
  figures.seen = summary.seen;
  return figures;
}

template <class... Values>
void print(std::string& out, const char* pattern, Values... values) {
  char text[256];
  const int size = std::snprintf(text, sizeof text, pattern, values...);
  out.append(text, static_cast<std::size_t>(std::min(size, static_cast<int>(sizeof text) - 1)));
}

long long number(std::int64_t value) { return value; }

// Times and rates are of what this run sent; an earlier one that it continues sent the rest.
void append_time(std::string& out, const SummaryFigures& figures, const FeedProgress& feed) {
  if (feed.answered == 0) {
    out += "time        nothing was sent: all requests were answered before this run\n";
    return;
  }
  print(out, "time        %.2f s, %.0f order lines/s", figures.wall_seconds, figures.lines_per_s);
  if (feed.begun_at > 0) {
    print(out, " (of the %zu requests of this run; %zu were answered before)", feed.answered,
          feed.begun_at);
  }
  print(out, "\nlatency     p50 %.2f ms, p99 %.2f ms, max %.2f ms from POST to answer\n",
        figures.order_latency_ms.p50, figures.order_latency_ms.p99, figures.order_latency_ms.max);
}

}  // namespace

std::string to_json(const Summary& summary) {
  // As in the audit: whatever the sums are.
  const SummaryFigures figures = figures_of(summary);
  std::string out;
  millrace::JsonWriter writer(out);
  millrace::codec::write_json(millrace::codec::type_info<SummaryFigures>(), &figures, writer);
  return millrace::printable_json(writer.take()) + "\n";
}

std::string to_text(const Summary& summary) {
  const SummaryFigures figures = figures_of(summary);
  std::string out = "\n";
  print(out, "invoices    %lld: %lld orders, %lld returns, %lld write-offs, %lld dead-lettered\n",
        number(figures.invoices), number(figures.orders), number(figures.returns),
        number(figures.write_offs), number(figures.dead_lettered));
  print(out, "orders      %lld completed, %lld rejected", number(figures.completed),
        number(figures.rejected));
  for (const auto& [reason, count] : figures.rejected_by)
    print(out, ", %s %lld", millrace::printable_line(reason).c_str(), number(count));
  out += "\n";
  append_time(out, figures, summary.feed);
  if (summary.feed.sent_again > 0)
    print(out, "feed        %zu requests sent again: refused for now, or not answered\n",
          summary.feed.sent_again);
  if (figures.kills > 0)
    print(out, "chaos       %lld kills, seed %llu\n", number(figures.kills),
          static_cast<unsigned long long>(figures.seed));
  for (const auto& [name, service] : figures.services) {
    print(out, "%-11s %.2f s of CPU, %.0f MB at most, starts %lld", name.c_str(),
          service.cpu_seconds, service.peak_rss_mb, number(service.starts));
    if (service.instances > 1) print(out, ", %lld instances", number(service.instances));
    out += "\n";
  }
  print(out, "audit       %s\n", figures.audit.ok ? "holds" : "VIOLATED:");
  for (const std::string& violation : figures.audit.violations)
    out += "  " + millrace::printable_line(violation) + "\n";
  return out;
}

millrace::Result<std::optional<FinishedRun>> finished_summary(const std::string& path,
                                                              std::size_t invoices) {
  auto text = millrace::read_file(millrace::real_file_system(), path);
  if (!text) return std::nullopt;
  const auto format = millrace::codec::from_json<FormatFigure>(*text);
  if (format && format->format.value_or(0) > summary_format) {
    return millrace::fail(millrace::errc::invalid_argument,
                          path + " has format " + std::to_string(*format->format) +
                              " and this ./run reads up to " + std::to_string(summary_format) +
                              ": use the version that wrote it, or remove the file, and the "
                              "summary is made again");
  }
  const auto figures = millrace::codec::from_json<FinishedFigures>(*text);
  if (!figures || figures->invoices != static_cast<std::int64_t>(invoices)) return std::nullopt;
  return FinishedRun{std::move(*text), figures->audit.ok, figures->seen};
}

}  // namespace retail
