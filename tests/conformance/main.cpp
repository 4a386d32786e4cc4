// conformance_server: UserInterface, as the recordings' think-swoole server offers it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/user_service.hpp"
#include "understudy/server.hpp"
#include "workers.hpp"

namespace {

using namespace understudy;

struct arguments {
  std::string listen = "127.0.0.1:0";
  unsigned threads = 1;
  unsigned workers = 1;
  std::string name;
};

int serve(const arguments& given, const std::string& address, const std::filesystem::path& folder,
          const std::function<void(const std::string&)>& listening) {
  server_options options;
  options.threads = given.threads;
  options.share_port = given.workers > 1;
  server serving(options);
  const auto setup = std::make_shared<test::user_setup>();
  setup->runs_in = folder;
  serving.add(test::user::make_service(setup));
  serving.listen(address);
  const auto bound = serving.addresses().front();
  setup->whoami = given.name.empty() ? bound.substr(bound.rfind(':') + 1) : given.name;
  return serving.run([&] { listening(bound); }) ? 0 : 1;
}

int run(const arguments& given, const std::filesystem::path& folder) {
  if (given.workers > 1)
    return test::run_workers(
        given.listen, given.workers, [&](const std::string& address, const auto& listening) {
          return serve(given, address, folder, [&](const std::string&) { listening(); });
        });
  return serve(given, given.listen, folder, [](const std::string& address) {
    std::printf("listening %s\n", address.c_str());
    std::fflush(stdout);
  });
}

}  // namespace

int main(int argc, char** argv) {
  arguments given;
  CLI::App app("Offers UserInterface over think-swoole's protocol, for tests and drills");
  app.add_option("--listen", given.listen, "HOST:PORT; port 0: any, printed on standard output");
  app.add_option("--threads", given.threads, "threads of each process");
  app.add_option("--workers", given.workers, "processes that share the port");
  app.add_option("--name", given.name, "what whoami answers (default: the port)");
  CLI11_PARSE(app, argc, argv);

  auto folder = (std::filesystem::temp_directory_path() / "conformance-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror(folder.c_str());
    return 1;
  }
  int result = 1;
  try {
    result = run(given, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conformance_server: %s\n", error.what());
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return result;
}
