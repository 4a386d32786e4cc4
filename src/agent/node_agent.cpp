#include "agent/node_agent.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "agent/copy_taker.hpp"
#include "agent/node_service.hpp"
#include "db/child.hpp"
#include "db/files.hpp"
#include "understudy/server.hpp"

namespace understudy::agent {

namespace fs = std::filesystem;

namespace {

/// More than keeper lets wait.
constexpr unsigned workers = 32;
constexpr std::size_t connections_max = 256;
constexpr std::size_t message_bytes_max = std::size_t{1} << 16;

/// Held while an agent has this folder, and given back by the system if it dies.
class folder_lock {
 public:
  explicit folder_lock(const fs::path& folder) {
    const std::string file = (folder / "agent.lock").string();
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor_ < 0) {
      throw std::runtime_error("Cannot open " + file + ": " + std::strerror(errno) + ".");
    }
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      ::close(descriptor_);
      throw std::runtime_error("Another agent has the folder " + folder.string() +
                               ": one at a time.");
    }
  }
  ~folder_lock() { ::close(descriptor_); }
  folder_lock(const folder_lock&) = delete;
  folder_lock& operator=(const folder_lock&) = delete;

 private:
  int descriptor_ = -1;
};

/// The line that a program says of itself; empty where it can not be asked.
std::string version_of(const std::string& program, const fs::path& folder) {
  const fs::path said = folder / "version.tmp";
  std::error_code ignored;
  fs::remove(said, ignored);
  db::child_options how;
  how.command = {program, "--version"};
  how.output = said.string();
  const bool asked = db::run_child(how) == 0;
  std::string text = asked ? db::read_text(said).value_or("") : std::string();
  fs::remove(said, ignored);
  return text.substr(0, text.find('\n'));
}

}  // namespace

struct node_agent::running {
  explicit running(const fs::path& folder) : lock(folder) {}
  ~running() {
    // Those who wait are answered, then nobody new comes.
    if (face && face->work) face->work->stop();
    if (serving) serving->stop();
  }

  folder_lock lock;
  std::map<core::node_id, std::unique_ptr<copy_taker>> donors;  ///< of the step's thread
  std::shared_ptr<net::tls_connector> calls_tls;  ///< null: without TLS, and so is the next
  std::shared_ptr<net::tls_acceptor> copies_tls;
  std::shared_ptr<node_face> face;
  std::unique_ptr<server> serving;
};

node_agent::node_agent(node_options options) : options_(std::move(options)) {}

node_agent::~node_agent() {
  stop();
}

void node_agent::start() {
  const fs::path folder = options_.work.server.settings.folder;
  auto made = std::make_unique<running>(folder);
  made->face = std::make_shared<node_face>(options_.secret, options_.id, options_.log,
                                           options_.secret_before);

  line_options to;
  to.secret = options_.secret;
  giver_options gives;
  if (options_.tls) {
    to.tls = made->calls_tls = std::make_shared<net::tls_connector>(*options_.tls);
    gives.tls = made->copies_tls = net::tls_acceptor::make(*options_.tls);
  }
  db::agent_options work = options_.work;
  work.donor = [to, all = &made->donors,
                agents = options_.agents](core::node_id donor) -> db::copy_source* {
    const auto known = agents.find(donor);
    if (known == agents.end()) return nullptr;
    auto& place = (*all)[donor];
    line_options there = to;
    there.address = known->second;
    there.node = donor;
    if (!place) place = std::make_unique<copy_taker>(there);
    return place.get();
  };
  if (options_.only_copies) {
    made->face->source = options_.only_copies.get();
  } else {
    made->face->work = std::make_unique<keeper>(
        std::move(work), version_of(options_.work.server.program, folder),
        version_of((options_.work.tools / "mariadb-backup").string(), folder));
    made->face->source = &made->face->work->copies();
  }

  gives.node = options_.id;
  gives.secret = options_.secret;
  gives.secret_before = options_.secret_before;
  gives.listen = options_.listen_copies;
  if (gives.listen.empty()) {
    gives.listen = options_.listen.substr(0, options_.listen.rfind(':')) + ":0";
  }
  made->face->copies = std::make_unique<copy_giver>(gives, *made->face->source);

  server_options serve;
  serve.workers = workers;
  serve.connections_max = connections_max;
  serve.message_bytes_max = message_bytes_max;
  serve.file_bytes_max = 0;
  serve.tls = options_.tls;
  made->serving = std::make_unique<server>(serve);
  made->serving->add(node_service(made->face));
  made->serving->listen(options_.listen);
  made->serving->start();
  running_ = std::move(made);
}

void node_agent::stop() {
  running_.reset();
}

void node_agent::reload_tls() {
  if (!running_ || !running_->copies_tls) return;
  running_->serving->reload_tls();
  running_->copies_tls->reload();
  running_->calls_tls->reload();
}

std::string node_agent::address() const {
  return running_ ? running_->serving->addresses().front() : std::string();
}

std::string node_agent::address_of_copies() const {
  return running_ ? running_->face->copies->address() : std::string();
}

std::string node_agent::damaged() const {
  if (!running_ || !running_->face->work) return {};
  return running_->face->work->look(look_words()).damaged;
}

}  // namespace understudy::agent
