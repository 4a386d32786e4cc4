#include "support/recordings.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "wire/frame.hpp"

namespace understudy::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view events_suffix = ".events.txt";

const fs::path& folder() {
  static const fs::path path =
      fs::path(__FILE__).parent_path().parent_path() / "wire" / "recordings";
  return path;
}

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

[[noreturn]] void refuse(const std::string& where, const std::string& line) {
  throw std::runtime_error("cannot understand a line of " + where + ": " + line);
}

// `0.001 conn1 c2s 96`, `0.402 conn1 s2c FIN`, `0.000 conn2 conn open`
recorded_event read_event(const std::string& name, const std::string& line) {
  std::istringstream words(line);
  double seconds = 0;
  std::string connection;
  std::string where;
  std::string what;
  words >> seconds >> connection >> where >> what;
  if (!words || connection.size() != 5 || !connection.starts_with("conn")) refuse(name, line);

  recorded_event event;
  event.at = std::chrono::milliseconds{std::lround(seconds * 1000)};
  event.connection = static_cast<std::size_t>(connection[4] - '1');
  event.where = where == "s2c" ? direction::to_client : direction::to_server;
  using kind = recorded_event::kind;
  if (where == "conn" && what == "open") {
    event.what = kind::opened;
  } else if (what == "FIN") {
    event.what = kind::fin;
  } else if (what == "RST") {
    event.what = kind::rst;
  } else if (what == "forward") {
    event.what = kind::failed;
  } else {
    event.bytes = std::stoul(what);
  }
  return event;
}

// One mebibyte of text to UserInterface@mixed and back: too large to keep as files.
recorded_connection big_1mib() {
  constexpr std::string_view pattern = "0123456789abcdef";
  std::string text;
  while (text.size() < std::size_t{1} << 20) text += pattern;
  recorded_connection made;
  wire::append_frame(made.to_server, wire::frame_type::message,
                     R"({"jsonrpc":"2.0","method":"UserInterface@mixed","params":[")" + text +
                         R"("],"context":[],"id":""})");
  wire::append_frame(made.to_client, wire::frame_type::message,
                     R"({"jsonrpc":"2.0","id":"","result":")" + text + R"("})");
  return made;
}

recording load(const std::string& name) {
  recording made;
  made.name = name;
  std::istringstream lines(read_all(folder() / (name + std::string(events_suffix))));
  std::size_t connections = 1;
  for (std::string line; std::getline(lines, line);) {
    made.events.push_back(read_event(name, line));
    connections = std::max(connections, made.events.back().connection + 1);
  }
  if (name == "big_1mib") {
    made.connections.push_back(big_1mib());
    return made;
  }
  for (std::size_t i = 0; i < connections; ++i) {
    const std::string stem = i == 0 ? name : name + "." + std::to_string(i + 1);
    made.connections.push_back(
        {read_all(folder() / (stem + ".c2s.bin")), read_all(folder() / (stem + ".s2c.bin"))});
  }
  return made;
}

std::vector<recording> load_all() {
  std::vector<recording> all;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder())) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(events_suffix)) continue;
    name.resize(name.size() - events_suffix.size());
    all.push_back(load(name));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

// case TAB answers TAB stays|closes TAB why
recorded_difference read_difference(const std::string& line) {
  std::istringstream columns(line);
  recorded_difference row;
  std::string answers;
  std::string afterwards;
  std::getline(columns, row.name, '\t');
  std::getline(columns, answers, '\t');
  std::getline(columns, afterwards, '\t');
  std::getline(columns, row.why);
  if (row.why.empty() || (afterwards != "stays" && afterwards != "closes")) {
    refuse("differences.tsv", line);
  }
  row.stays_open = afterwards == "stays";
  if (answers == "none") return row;
  std::istringstream words(answers);
  row.answers.assign(std::istream_iterator<std::string>(words), {});
  return row;
}

std::vector<recorded_difference> load_differences() {
  std::vector<recorded_difference> all;
  std::istringstream lines(read_all(folder() / "differences.tsv"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != '#') all.push_back(read_difference(line));
  }
  return all;
}

}  // namespace

const std::vector<recording>& recordings() {
  static const std::vector<recording> all = load_all();
  return all;
}

const recording& find_recording(std::string_view name) {
  for (const recording& one : recordings()) {
    if (one.name == name) return one;
  }
  throw std::out_of_range("no recording " + std::string(name));
}

const std::vector<recorded_difference>& recorded_differences() {
  static const std::vector<recorded_difference> all = load_differences();
  return all;
}

const recorded_difference* find_difference(std::string_view name) {
  for (const recorded_difference& one : recorded_differences()) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace understudy::test
