// Calls over TLS, and who is refused.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "net/tls_acceptor.hpp"
#include "net/tls_session.hpp"
#include "support/certificates.hpp"
#include "support/test_server.hpp"
#include "understudy/client.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

std::string why_not(const tls_options& options) {
  try {
    server_options with;
    with.tls = options;
    const server made(with);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return {};
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

/// A peer that does one thing after the other.
class blunt_peer {
 public:
  blunt_peer(const tls_options& with, std::uint16_t port)
      : session_(net::tls_session::connecting(net::make_connecting_context(with), open(port),
                                              "127.0.0.1")) {
    EXPECT_EQ(session_.handshake(), net::tls_session::step::done) << session_.why();
  }
  ~blunt_peer() { ::close(socket_); }
  blunt_peer(const blunt_peer&) = delete;
  blunt_peer& operator=(const blunt_peer&) = delete;

  void send(const std::string& text) {
    std::size_t sent = 0;
    EXPECT_EQ(session_.write(text, sent), net::tls_session::step::done) << session_.why();
    EXPECT_EQ(sent, text.size());
  }
  void say_end() { EXPECT_EQ(session_.say_end(), net::tls_session::step::done); }
  void cut() { ::shutdown(socket_, SHUT_WR); }
  /// All until the end, which has to be a good one where `said`.
  std::string rest(bool said) {
    std::string out;
    for (std::array<char, 4096> bytes;;) {
      std::size_t size = 0;
      const auto now = session_.read(bytes, size);
      out.append(bytes.data(), size);
      if (now == net::tls_session::step::done) continue;
      EXPECT_EQ(now == net::tls_session::step::ended, said) << session_.why();
      return out;
    }
  }

 private:
  int open(std::uint16_t port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    const timeval limit{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket_;
  }

  int socket_ = -1;
  net::tls_session session_;
};

class Tls : public testing::Test {
 protected:
  void serve(const tls_options& with) {
    server_options options;
    options.tls = with;
    server_.emplace(options);
  }
  client_options to(const tls_options& with, const std::string& host = "127.0.0.1") {
    client_options options;
    options.servers = {host + ":" + std::to_string(server_->port())};
    options.tls = with;
    options.timeout = patience;
    options.log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_ += line + "\n";
    };
    return options;
  }
  /// No call gets through, and the client says why.
  std::string refusal(client_options options) {
    options.timeout = 1s;
    client c(options);
    try {
      return c.call<std::string>("UserInterface@hello", "x");
    } catch (const rpc_error&) {
      const std::lock_guard lock(mutex_);
      return log_;
    }
  }

  certificates known_;
  certificates other_;
  std::optional<test_server> server_;
  std::mutex mutex_;
  std::string log_;
};

TEST_F(Tls, SaysWhatIsWrongWithItsFiles) {
  const tls_options good = known_.issue("server");
  EXPECT_EQ(why_not(good), "");
  tls_options bad = good;
  bad.certificate_file = known_.file("nowhere.pem");
  EXPECT_EQ(why_not(bad),
            "Cannot read the certificate " + bad.certificate_file + ": No such file or directory.");
  bad = good;
  bad.key_file = known_.issue("second").key_file;
  EXPECT_EQ(why_not(bad), "The private key in " + bad.key_file +
                              " is not that of the certificate " + "in " + bad.certificate_file +
                              ".");
  bad.key_file = good.certificate_file;
  EXPECT_TRUE(says(why_not(bad), "There is no usable private key in " + bad.key_file));
  bad = good;
  bad.certificate_file = good.key_file;
  EXPECT_TRUE(says(why_not(bad), "There is no usable certificate in " + bad.certificate_file));
  bad = good;
  bad.ca_file = good.key_file;
  EXPECT_TRUE(says(why_not(bad), "There is no usable certificate of a CA in " + bad.ca_file));
  bad = known_.issue("old", 0);
  EXPECT_TRUE(says(why_not(bad), "The certificate in " + bad.certificate_file + " has expired ("))
      << why_not(bad);
  EXPECT_TRUE(says(why_not(known_.trust()), "needs a certificate"));
}

TEST_F(Tls, CarriesCallsAndFilesOfAnySize) {
  serve(known_.issue("server"));
  client c(to(known_.issue("client")));
  EXPECT_EQ(c.call<int>("UserInterface@add", 1, 2), 3);
  for (const std::size_t bytes : {1U, 16383U, 16384U, 16385U, 300'000U, 5'000'000U}) {
    const std::string sent(bytes, 'x');
    EXPECT_EQ(c.call<std::size_t>("UserInterface@upload", file(sent)), bytes);
    const auto got = c.call<file>("UserInterface@text", sent);
    EXPECT_TRUE(got.bytes() == sent) << bytes;
  }
  EXPECT_EQ(server_->get().tls_refused(), 0u);
}

TEST_F(Tls, CarriesManyCallsAtATime) {
  serve(known_.issue("server"));
  client c(to(known_.issue("client")));
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&, i] {
      for (int k = 0; k < 100; ++k) good += c.call<int>("UserInterface@add", i, k) == i + k ? 1 : 0;
    });
  }
  for (auto& each : callers) each.join();
  EXPECT_EQ(good, 1600);
}

TEST_F(Tls, TellsTheServiceWhoCalls) {
  server_options options;
  options.tls = known_.issue("server");
  server_.emplace(options, [](server& serving) {
    struct empty {};
    service<empty> peers("Peers");
    peers.method("who", [](const context& about) { return about.peer(); });
    serving.add(std::move(peers));
  });
  client c(to(known_.issue("client")));
  EXPECT_TRUE(c.call<std::string>("Peers@who").starts_with("127.0.0.1:"));
}

TEST_F(Tls, RefusesAServerOfAnotherCA) {
  serve(other_.issue("server"));
  EXPECT_TRUE(says(refusal(to(known_.issue("client"))), "its certificate is not accepted"));
}

TEST_F(Tls, RefusesAClientOfAnotherCA) {
  serve(known_.issue("server"));
  tls_options with = other_.issue("client");
  with.ca_file = known_.file("ca.pem");
  EXPECT_NE(refusal(to(with)), "Hello x");
  EXPECT_GT(server_->get().tls_refused(), 0u);
  EXPECT_NE(refusal(to(known_.trust())), "Hello x");  // and one that shows none
  EXPECT_EQ(server_->get().connections(), 0u);
}

TEST_F(Tls, ClientsMayShowNothingWhereTheListenerSaysSo) {
  tls_options with = known_.issue("server");
  with.client_certificate_required = false;
  serve(with);
  client c(to(known_.trust()));
  EXPECT_EQ(c.call<int>("UserInterface@add", 1, 2), 3);
}

TEST_F(Tls, ChecksForWhomTheCertificateIs) {
  tls_options shown = known_.issue("server");
  serve(shown);
  const tls_options mine = known_.issue("client");
  // It is for 127.0.0.1 and "server", not for "localhost".
  EXPECT_TRUE(says(refusal(to(mine, "localhost")), "mismatch")) << log_;
  tls_options named = mine;
  named.server_name = "server";
  EXPECT_EQ(client(to(named, "localhost")).call<int>("UserInterface@add", 1, 2), 3);
}

TEST_F(Tls, RefusesWhoSpeaksPlainly) {
  serve(known_.issue("server"));
  wire_socket plain(server_->port());
  plain.send_message(request_text("UserInterface@add", "[1,2]"));
  while (!plain.read_once(4096).empty()) {  // an alert, and the end
  }
  EXPECT_TRUE(eventually([&] { return server_->get().tls_refused() == 1; }));
}

TEST_F(Tls, DropsWhoStopsDuringTheHandshakeAndLimitsHowManyThereAre) {
  tls_options with = known_.issue("server");
  with.handshake_timeout = 200ms;
  with.handshakes_max = 2;
  serve(with);
  wire_socket one(server_->port());
  wire_socket two(server_->port());
  one.send("\x16\x03\x01");  // the beginning of a handshake
  EXPECT_TRUE(one.closed());
  EXPECT_TRUE(two.closed());
  EXPECT_EQ(server_->get().tls_refused(), 2u);
  client c(to(known_.issue("client")));
  EXPECT_EQ(c.call<int>("UserInterface@add", 1, 2), 3);

  with.handshake_timeout = 1h;
  serve(with);
  wire_socket three(server_->port());
  wire_socket four(server_->port());
  wire_socket five(server_->port());
  EXPECT_TRUE(five.closed());
  EXPECT_EQ(server_->get().tls_refused(), 1u);
}

TEST_F(Tls, AHalfClosedPeerStillGetsItsAnswers) {
  serve(known_.issue("server"));
  blunt_peer peer(known_.issue("client"), server_->port());
  peer.send(message_frame(request_text("UserInterface@slow", "[100]")) +
            message_frame(request_text("UserInterface@add", "[1,2]")));
  peer.say_end();
  const std::string answers = peer.rest(true);
  EXPECT_TRUE(says(answers, R"("result":3)")) << answers;
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }));
}

TEST_F(Tls, ACutStreamIsNoEnd) {
  serve(known_.issue("server"));
  blunt_peer peer(known_.issue("client"), server_->port());
  peer.send(message_frame(request_text("UserInterface@slow", "[100]")));
  peer.cut();
  EXPECT_EQ(peer.rest(false), "");
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }));
}

TEST_F(Tls, AnAnswerThatNobodyTakesEndsWithItsConnection) {
  server_options options;
  options.tls = known_.issue("server");
  options.write_timeout = 300ms;
  server_.emplace(options);
  blunt_peer peer(known_.issue("client"), server_->port());
  peer.send(message_frame(request_text("UserInterface@download", "[50000000]")));
  std::this_thread::sleep_for(1s);
  EXPECT_LT(peer.rest(true).size(), 50'000'000U);
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }));
}

TEST_F(Tls, ReadsItsFilesAnewWhenItIsTold) {
  const tls_options with = known_.issue("server");
  serve(with);
  const tls_options mine = known_.issue("client");
  // The same names, from another CA.
  const tls_options next = other_.issue("server");
  const auto copy = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(next.certificate_file, with.certificate_file, copy);
  EXPECT_THROW(server_->get().reload_tls(), std::runtime_error);  // the key is still the old one
  EXPECT_EQ(client(to(mine)).call<int>("UserInterface@add", 1, 2), 3);
  std::filesystem::copy_file(next.key_file, with.key_file, copy);
  client open_before(to(mine));
  EXPECT_EQ(open_before.call<int>("UserInterface@add", 1, 2), 3);
  server_->get().reload_tls();
  EXPECT_TRUE(says(refusal(to(mine)), "its certificate is not accepted"));

  // A client, too: from now on it trusts the other CA. The server knows its certificate as before.
  tls_options moves = mine;
  moves.ca_file = known_.file("moves.pem");
  std::filesystem::copy_file(mine.ca_file, moves.ca_file);
  client follows(to(moves));
  std::filesystem::copy_file(next.ca_file, moves.ca_file, copy);
  follows.reload_tls();
  EXPECT_EQ(follows.call<int>("UserInterface@add", 1, 2), 3);
}

TEST_F(Tls, LastAnswersLeaveBeforeADrainIsOver) {
  serve(known_.issue("server"));
  client c(to(known_.issue("client")));
  std::thread caller(
      [&] { EXPECT_EQ(c.call<std::string>("UserInterface@slow", 200).size() > 0, true); });
  ASSERT_TRUE(eventually([&] { return server_->get().connections() > 0; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(server_->get().drain(patience));
  EXPECT_EQ(server_->get().connections(), 0u);
  server_->get().stop();
  caller.join();
}

}  // namespace
}  // namespace understudy::test
