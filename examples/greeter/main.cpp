#include <iostream>
#include <string>
#include <understudy/server.hpp>

struct greeter {
  std::string hello(const std::string& name) { return "hello, " + name; }
};

int main() {
  understudy::service<greeter> greetings("GreeterInterface");
  greetings.method("hello", &greeter::hello, {"name"}).comment("Says hello.").idempotent();

  understudy::server server;
  server.add(greetings);
  server.listen("127.0.0.1:9501");
  return server.run([] { std::cout << "ready\n" << std::flush; }) ? 0 : 1;
}
