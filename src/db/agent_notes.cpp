#include "db/agent_notes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "db/files.hpp"

namespace understudy::db {

namespace {

std::uint64_t sum_of(std::string_view text) {  // FNV-1a
  std::uint64_t out = 0xcbf29ce484222325U;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return out;
}

std::string text_of(const agent_notes& what) {
  const std::string body = fmt::format("understudy agent 1\ntold {}\nrepairing {}\n",
                                       core::number_of(what.told), what.repairing ? 1 : 0);
  return fmt::format("{}sum {:016x}\n", body, sum_of(body));
}

std::uint64_t number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  std::uint64_t out = 0;
  if (at == std::string_view::npos) return out;
  text.remove_prefix(at + name.size());
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

std::filesystem::path notes_file(const std::filesystem::path& folder) {
  return folder / "agent.notes";
}

std::string read_notes(const std::filesystem::path& file, agent_notes& into) {
  std::error_code failed;
  if (!std::filesystem::exists(file, failed) && !failed) {
    into = {};
    return {};
  }
  const auto text = read_text(file);
  if (!text) return "can not read " + file.string();
  const agent_notes found{core::generation{number_after(*text, "\ntold ")},
                          number_after(*text, "\nrepairing ") != 0};
  if (*text != text_of(found)) {
    return file.string() +
           " is damaged: which generation this node was told is not known; remove the file only "
           "where no supervisor that was deposed can still run";
  }
  into = found;
  return {};
}

std::string write_notes(const std::filesystem::path& file, const agent_notes& what) {
  return write_durably(file, text_of(what));
}

}  // namespace understudy::db
