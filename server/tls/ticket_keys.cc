#include "server/tls/ticket_keys.h"

namespace relay {

TicketKey TicketKey::Generate(base::RandomSource& random) {
  TicketKey key;
  random.Fill(key.name);
  random.Fill(key.encryption);
  random.Fill(key.integrity);
  return key;
}

}  // namespace relay
