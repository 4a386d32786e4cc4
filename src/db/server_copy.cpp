#include "db/server_copy.hpp"

#include <fmt/format.h>

#include <chrono>

#include "db/files.hpp"

namespace understudy::db {

namespace {

constexpr std::chrono::seconds enough(20);

}  // namespace

std::string server_copy::measure(std::uintmax_t& bytes) {
  session on;
  const auto until = std::chrono::steady_clock::now() + enough;
  const endpoint here{options_.socket, 0};
  if (const fault f = on.connect(here, options_.administrator, until); f) return sentence(f);
  const reply answer = on.run("SELECT @@datadir", until);
  if (!answer.ok()) return sentence(answer.failed);
  const std::string data(answer.tables.at(0).first());
  bytes = bytes_in(data);
  return bytes == 0 ? "nothing can be read in its data folder, " + data : std::string();
}

std::string server_copy::send(int fd, const interrupt* stop) {
  const std::filesystem::path settings = options_.folder / "tools.send.cnf";
  std::string text = fmt::format(
      "# Written by understudy; changes are lost.\n[client]\nsocket = \"{}\"\nuser = {}\n",
      options_.socket, options_.administrator.user);
  if (!options_.administrator.password.empty()) {
    text += fmt::format("password = \"{}\"\n", options_.administrator.password);
  }
  if (std::string f = write_durably(settings, text); !f.empty()) return f;
  child_options how;
  // Where its files are it asks the server.
  how.command = {(options_.tools / "mariadb-backup").string(),
                 "--defaults-file=" + settings.string(),
                 "--backup",
                 "--slave-info",
                 "--stream=mbstream",
                 "--target-dir=" + (options_.folder / "backup.tmp").string()};
  how.output_fd = fd;
  tool backup(how, options_.folder / "mariadb-backup.send.log");
  return wait_all({&backup}, stop, {});
}

}  // namespace understudy::db
