#include "server/net/stream_connection.h"

#include "server/net/stream_service.h"

namespace relay {

StreamConnection::StreamConnection(StreamService& service, const turn::Client& client,
                                   base::MonotonicTime now)
    : service_(service), output_(service.backlog()), stream_(service, output_, client, now) {}

bool StreamConnection::IsOverdue(base::MonotonicTime now) {
  Count(output_.DropExpired(now));
  // A client that ended its side but never reads its answers goes the same way.
  return stream_.IsOverdue(now) || (is_ending_ && stream_.IsIdle(now));
}

void StreamConnection::AddAllocations(int delta) {
  stream_.AddAllocations(delta);
  service_.NoteAllocations(*this);
}

void StreamConnection::Count(StreamOutput::Dropped dropped) { service_.CountDropped(dropped); }

}  // namespace relay
