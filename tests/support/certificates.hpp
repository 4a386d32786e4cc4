// Certificates for tests, made as they are needed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "understudy/tls.hpp"

namespace understudy::test {

/// A CA of its own, and files in a folder that is removed with it.
class certificates {
 public:
  certificates();
  ~certificates();
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  /// A certificate for 127.0.0.1 and `name`, its key, and the CA. Valid from a day ago, for `days`
  /// days.
  [[nodiscard]] tls_options issue(const std::string& name, int days = 10);
  /// To trust the CA, and show nothing.
  [[nodiscard]] tls_options trust() const;
  [[nodiscard]] std::string file(const std::string& name) const;

 private:
  struct parts;
  std::filesystem::path folder_;
  std::unique_ptr<parts> parts_;
};

}  // namespace understudy::test
