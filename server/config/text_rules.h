#pragma once

#include <cstddef>
#include <string>

#include "server/config/fields.h"

// Spellings of texts that have rules of their own.
namespace relay {

fields::Spelling<std::string> Realm();     // under 128 characters of qdtext (RFC 8489 section 14.9)
fields::Spelling<std::string> HostName();  // a DNS name or an IP address; may be empty
fields::Spelling<std::string> DnsName();   // no IP address; may be empty
fields::Spelling<std::string> Path();
fields::Spelling<std::string> SocketPath();  // fits sun_path
fields::Spelling<std::string> HttpsUrl();
fields::Spelling<std::string> Origin();    // scheme://host[:port]
fields::Spelling<std::string> Registry();  // memory, redis://..., unix:...

// Letters, digits, '-' and '_', up to 64: never a separator in a user name.
fields::Spelling<std::string> Label(const std::string& type);
fields::Spelling<std::string> LabelOrNothing(const std::string& type);

// ASCII without spaces and control characters.
fields::Spelling<std::string> PrintableText(const std::string& type, std::size_t min_octets,
                                            std::size_t max_octets);

// What OpaqueString takes (auth/opaque_string.h); the value is not repeated in messages.
fields::Spelling<std::string> OpaqueText(const std::string& type);

fields::Spelling<std::string> Base64Secret();

}  // namespace relay
