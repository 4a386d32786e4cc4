// TLS for what listens and for what connects.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace understudy {

/// Files are in PEM form. TLS 1.2 at least. Whoever connects checks the other's certificate, and
/// that it is for the host's name or address as it was configured.
struct tls_options {
  std::string
      certificate_file;  ///< with those between it and the CA behind it; a listener needs it
  std::string key_file;  ///< of the certificate, not encrypted
  /// Certificates are accepted that this vouches for. Who connects takes the system's where it is
  /// empty; a listener then asks for no certificate.
  std::string ca_file;
  /// Of a listener with a ca_file: who shows no certificate is refused. Else such clients pass, and
  /// a certificate of another CA is refused all the same.
  bool client_certificate_required = true;
  /// Whose certificate it must be, where that is not the host in the address.
  std::string server_name;
  std::chrono::milliseconds handshake_timeout{5000};
  std::size_t handshakes_max = 256;  ///< of a listener at a time; beyond it: closed
};

}  // namespace understudy
