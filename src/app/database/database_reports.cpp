#include "app/database/database_reports.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "app/common/json_out.hpp"

namespace understudy::app {

namespace {

std::string_view truth(bool is) {
  return is ? "true" : "false";
}

std::string_view name_of(db::difference_kind kind) {
  switch (kind) {
    case db::difference_kind::rows:
      return "rows";
    case db::difference_kind::missing:
      return "missing";
    case db::difference_kind::extra:
      return "extra";
    case db::difference_kind::definition:
      return "definition";
  }
  return "";
}

std::string_view name_of(db::adopt_weight weight) {
  switch (weight) {
    case db::adopt_weight::blocks:
      return "blocks";
    case db::adopt_weight::restart:
      return "restart";
    case db::adopt_weight::fixable:
      return "fixable";
    case db::adopt_weight::warns:
      return "warns";
  }
  return "";
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  json_array all(out);
  for (const std::string& each : texts) all.text(each);
}

void append_difference(std::string& out, const db::verify_difference& what) {
  json_object object(out);
  object.number("node", core::number_of(what.node));
  object.text("kind", name_of(what.kind));
  object.text("object", what.object);
  object.text("database", what.database);
  object.text("name", what.name);
  if (what.kind == db::difference_kind::rows) {
    object.text("from", what.from);
    object.text("to", what.to);
    object.number("rows_primary", what.rows_primary);
    object.number("rows_node", what.rows_node);
  }
  object.raw("exact", truth(what.exact));
}

}  // namespace

void append_json(std::string& out, const db::verify_report& report) {
  json_object object(out);
  object.raw("equal", truth(report.equal()));
  object.text("failed", report.failed);
  object.raw("stopped", truth(report.stopped));
  object.text("at", core::to_string(report.at));
  object.number("pause_ms", std::chrono::duration<double, std::milli>(report.pause).count());
  object.number("attempts", report.attempts);
  {
    json_array compared(object.key("compared"));
    for (const core::node_id each : report.compared) {
      compared.element() += std::to_string(core::number_of(each));
    }
  }
  object.number("tables", report.tables);
  object.number("rows", report.rows);
  append_texts(object.key("inexact"), report.inexact);
  {
    json_array gaps(object.key("gaps"));
    for (const db::verify_gap& each : report.gaps) {
      json_object gap(gaps.element());
      gap.number("node", core::number_of(each.node));
      gap.text("table", each.table);
      gap.text("why", each.why);
    }
  }
  const std::size_t told = std::min(report.differences.size(), differences_told_max);
  {
    json_array differences(object.key("differences"));
    for (std::size_t i = 0; i < told; ++i) {
      append_difference(differences.element(), report.differences[i]);
    }
  }
  object.raw("more", truth(report.more || told < report.differences.size()));
}

void append_json(std::string& out, const db::adopt_report& report) {
  json_object object(out);
  object.raw("ready", truth(report.ready()));
  object.text("failed", report.failed);
  object.text("version", report.version);
  {
    json_array findings(object.key("findings"));
    for (const db::adopt_finding& each : report.findings) {
      json_object finding(findings.element());
      finding.text("weight", name_of(each.weight));
      finding.text("about", each.about);
      finding.text("text", each.text);
    }
  }
  append_texts(object.key("statements"), report.statements);
  object.text("settings", report.settings);
  object.text("data", report.place.data);
  object.text("socket", report.place.socket);
  object.number("bytes", report.place.bytes);
}

std::string rotation_report(const std::vector<std::string>& obstacles, const std::string& failed) {
  std::string out;
  {
    json_object object(out);
    object.text("failed", failed);
    append_texts(object.key("obstacles"), obstacles);
  }
  return out;
}

}  // namespace understudy::app
