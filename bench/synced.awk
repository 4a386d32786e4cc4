# Judges what `strace -f -y` saw of a server that was sent a few calls, each marked by a word of
# its own: whether each was written to a file in FOLDER, and that file was synced, before the
# answer was sent on the connection on which it came.
#
#   awk -v folder=FOLDER -v marks="WORD WORD .." -f bench/synced.awk TRACE
#
# Prints `yes`, or `no` and what was missing. Files that are written without a system call (mapped
# memory, io_uring) are a `no`.

# A system call that began in one line of the trace and ended in another, or in the same.
function seen(begin, end, text, returned) {
  ++calls
  began[calls] = begin
  ended[calls] = end
  told[calls] = text
  name[calls] = substr(text, 1, index(text, "(") - 1)
  match(text, /\([0-9]+<[^>]*>/)
  where[calls] = RLENGTH > 0 ? substr(text, RSTART + 1, RLENGTH - 2) : ""
  sub(/^[0-9]+</, "", where[calls])
  returned = text
  sub(/.*\) += /, "", returned)
  worked[calls] = returned ~ /^[0-9]/
}

{
  thread = $1
  text = $0
  sub(/^[0-9]+ +/, "", text)
  if (text ~ /<unfinished \.\.\.>$/) {
    sub(/ *<unfinished \.\.\.>$/, "", text)
    open_text[thread] = text
    open_line[thread] = NR
  } else if (text ~ /^<\.\.\. [a-z0-9_]+ resumed>/) {
    sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", text)
    seen(open_line[thread], NR, open_text[thread] text)
  } else if (text ~ /^[a-z0-9_]+\(/) {
    seen(NR, NR, text)
  }
}

function receives(i) { return where[i] ~ /^socket:/ && name[i] ~ /^(read|readv|recvfrom|recvmsg)$/ }
function sends(i) { return where[i] ~ /^socket:/ && name[i] ~ /^(write|writev|sendto|sendmsg)$/ }
function stores(i) { return index(where[i], folder "/") == 1 && name[i] ~ /^p?writev?(64|2)?$/ }
function syncs(i) { return index(where[i], folder "/") == 1 && name[i] ~ /^f(data)?sync$/ }

# The number of the first call from `from` on; calls are numbered by their ends.
function received(mark, i) {
  for (i = 1; i <= calls; ++i) if (receives(i) && index(told[i], mark)) return i
  return 0
}
function answered(request, i, first) {
  for (i = 1; i <= calls; ++i) {
    if (!sends(i) || where[i] != where[request] || began[i] < ended[request]) continue
    if (!first || began[i] < began[first]) first = i
  }
  return first
}
function synced(mark, request, answer, i, j) {
  for (i = 1; i <= calls; ++i) {
    if (!stores(i) || !worked[i] || !index(told[i], mark)) continue
    if (began[i] < began[request] || ended[i] > began[answer]) continue
    if (told[i] ~ /RWF_D?SYNC/) return 1
    for (j = 1; j <= calls; ++j) {
      if (syncs(j) && worked[j] && where[j] == where[i] && began[j] >= ended[i] &&
          ended[j] <= began[answer]) return 1
    }
  }
  return 0
}

END {
  count = split(marks, word, " ")
  if (count == 0) { print "no: nothing was sent"; exit }
  for (m = 1; m <= count; ++m) {
    request = received(word[m])
    if (!request) { print "no: " word[m] " was never received"; exit }
    answer = answered(request)
    if (!answer) { print "no: " word[m] " was never answered"; exit }
    if (!synced(word[m], request, answer)) { print "no: answered before it was synced"; exit }
  }
  print "yes"
}
