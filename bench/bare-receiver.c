/*
 * The least that a receiver can do which makes an object durable before it answers: one Association at a time, each Data
 * Set written past the page cache while it arrives, its file and folder synced side by side, Success. No File Meta
 * Information, no digest, no index, no look for duplicates, no limits. For the benchmark only, where it shows what the
 * sender, the network and the disk leave to a better receiver.
 *
 * bare-receiver PORT FOLDER
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 4096, CHUNK = 128 * 1024, MOST = 256 * 1024 * 1024, MAX_PDU = 131072 };
enum { ASSOCIATE_RQ = 1, ASSOCIATE_AC = 2, P_DATA = 4, RELEASE_RQ = 5, RELEASE_RP = 6 };
enum { C_STORE_RQ = 0x0001, RESPONSE = 0x8000, NO_DATA_SET = 0x0101 };

static uint8_t *object;
static atomic_int object_file = -1; /* of the object under way, for the writer */
static atomic_int received, is_whole, is_written;

static void fail(const char *doing) {
  perror(doing);
  exit(1);
}

/* Writes what has been received in as few transfers as it comes to, then syncs. It looks without pause: it is the floor. */
static void *write_objects(void *unused) {
  for (;;) {
    int file = -1, at = 0;
    while ((file = atomic_load(&object_file)) < 0) sched_yield();
    for (;;) {
      int whole = atomic_load(&is_whole), bytes = atomic_load(&received);
      int end = whole ? (bytes + BLOCK - 1) / BLOCK * BLOCK : bytes / CHUNK * CHUNK;
      if (end > at && pwrite(file, object + at, end - at, at) != end - at) fail("write");
      if (end > at) at = end;
      if (!whole) {
        sched_yield();
        continue;
      }
      if (at != bytes && ftruncate(file, bytes) != 0) fail("ftruncate");
      break;
    }
    if (fdatasync(file) != 0) fail("fdatasync");
    atomic_store(&object_file, -1);
    atomic_store(&is_written, 1);
  }
  return unused;
}

static int read_fully(int peer, void *into, size_t bytes) {
  return recv(peer, into, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

static void send_pdu(int peer, int type, uint8_t *pdu, int end) {
  uint32_t length = htonl(end - 6);
  pdu[0] = type;
  memcpy(pdu + 2, &length, 4);
  if (send(peer, pdu, end, MSG_NOSIGNAL) != end) fail("send");
}

static int put_item(uint8_t *at, int type, const void *value, int length) {
  at[0] = type;
  at[1] = 0;
  at[2] = length >> 8;
  at[3] = length;
  memcpy(at + 4, value, length);
  return 4 + length;
}

/* Accepts every Presentation Context with its first Transfer Syntax (PS3.8 9.3.3). */
static void accept_association(int peer, const uint8_t *request, int bytes) {
  static uint8_t reply[65536];
  memset(reply, 0, sizeof reply);
  memcpy(reply + 6, request, 68);
  int end = 74;
  for (int at = 68; at + 4 <= bytes;) {
    const uint8_t *item = request + at;
    int length = item[2] << 8 | item[3];
    at += 4 + length;
    if (item[0] == 0x10) end += put_item(reply + end, 0x10, item + 4, length);
    if (item[0] != 0x20) continue;
    const uint8_t *sub = item + 8;
    while (sub[0] != 0x40) sub += 4 + (sub[2] << 8 | sub[3]);
    uint8_t value[256] = {item[4]};
    int used = 4 + put_item(value + 4, 0x40, sub + 4, sub[2] << 8 | sub[3]);
    end += put_item(reply + end, 0x21, value, used);
  }
  uint32_t most = htonl(MAX_PDU);
  uint8_t user[64];
  int used = put_item(user, 0x51, &most, 4);
  used += put_item(user + used, 0x52, "2.25.1", 6);
  end += put_item(reply + end, 0x50, user, used);
  send_pdu(peer, ASSOCIATE_AC, reply, end);
}

struct command {
  int field, message_id;
  char sop_class[68], sop_instance[68];
};

/* PS3.7 6.3.1: Implicit VR Little Endian, group 0000 */
static struct command read_command(const uint8_t *set, int bytes) {
  struct command command = {0};
  for (int at = 0; at + 8 <= bytes;) {
    int element = set[at + 2] | set[at + 3] << 8;
    int length = set[at + 4] | set[at + 5] << 8;
    const uint8_t *value = set + at + 8;
    if (element == 0x0002) memcpy(command.sop_class, value, length < 64 ? length : 64);
    if (element == 0x0100) command.field = value[0] | value[1] << 8;
    if (element == 0x0110) command.message_id = value[0] | value[1] << 8;
    if (element == 0x1000) memcpy(command.sop_instance, value, length < 64 ? length : 64);
    at += 8 + length;
  }
  return command;
}

static int put_element(uint8_t *at, int element, const void *value, int length) {
  uint8_t head[8] = {0, 0, element, element >> 8, length, length >> 8, 0, 0};
  memcpy(at, head, 8);
  memcpy(at + 8, value, length);
  return 8 + length;
}

static int put_short(uint8_t *at, int element, int value) {
  uint8_t bytes[2] = {value, value >> 8};
  return put_element(at, element, bytes, 2);
}

static void answer(int peer, int context, const struct command *to) {
  uint8_t pdu[512] = {0};
  int end = 24;
  int is_store = to->field == C_STORE_RQ;
  end += put_element(pdu + end, 0x0002, to->sop_class, (strlen(to->sop_class) + 1) / 2 * 2);
  end += put_short(pdu + end, 0x0100, to->field | RESPONSE);
  end += put_short(pdu + end, 0x0120, to->message_id);
  end += put_short(pdu + end, 0x0800, NO_DATA_SET);
  end += put_short(pdu + end, 0x0900, 0);
  if (is_store) end += put_element(pdu + end, 0x1000, to->sop_instance, (strlen(to->sop_instance) + 1) / 2 * 2);
  uint32_t group_length = end - 24;
  put_element(pdu + 12, 0x0000, &group_length, 4);
  uint32_t pdv_length = htonl(end - 10);
  memcpy(pdu + 6, &pdv_length, 4);
  pdu[10] = context;
  pdu[11] = 3;
  send_pdu(peer, P_DATA, pdu, end);
}

static void begin_object(const char *folder, const char *name) {
  char file[512];
  snprintf(file, sizeof file, "%s/%s", folder, name);
  atomic_store(&received, 0);
  atomic_store(&is_whole, 0);
  atomic_store(&is_written, 0);
  int made = open(file, O_WRONLY | O_CREAT | O_EXCL | O_DIRECT, 0640);
  if (made < 0) fail("open");
  atomic_store(&object_file, made);
}

static void receive_fragment(int peer, int bytes, int is_last) {
  int have = atomic_load(&received);
  if (have + bytes > MOST) exit(1);
  if (!read_fully(peer, object + have, bytes)) exit(1);
  if (is_last) {
    atomic_store(&received, have + bytes);
    atomic_store(&is_whole, 1);
  } else atomic_store(&received, have + bytes);
}

static void serve(int peer, const char *folder, int folder_fd) {
  static uint8_t request[65536], set[65536];
  struct command command = {0};
  int set_bytes = 0, file = -1;
  uint8_t head[6];
  while (read_fully(peer, head, 6)) {
    uint32_t left = (uint32_t)head[2] << 24 | head[3] << 16 | head[4] << 8 | head[5];
    if (head[0] == RELEASE_RQ) {
      uint8_t pdu[10] = {0};
      send_pdu(peer, RELEASE_RP, pdu, 10);
      return;
    }
    if (head[0] == ASSOCIATE_RQ && left <= sizeof request && read_fully(peer, request, left)) {
      accept_association(peer, request, left);
      continue;
    }
    if (head[0] != P_DATA) return;
    while (left > 0) {
      uint8_t pdv[6];
      if (!read_fully(peer, pdv, 6)) return;
      int bytes = (pdv[0] << 24 | pdv[1] << 16 | pdv[2] << 8 | pdv[3]) - 2;
      int is_command = pdv[5] & 1, is_last = pdv[5] & 2;
      left -= 6 + bytes;
      if (is_command) {
        if (set_bytes + bytes > (int)sizeof set || !read_fully(peer, set + set_bytes, bytes)) return;
        set_bytes += bytes;
        if (!is_last) continue;
        command = read_command(set, set_bytes);
        set_bytes = 0;
        if (command.field != C_STORE_RQ) answer(peer, pdv[4], &command);
        else {
          begin_object(folder, command.sop_instance);
          file = atomic_load(&object_file);
        }
        continue;
      }
      receive_fragment(peer, bytes, is_last);
      if (!is_last) continue;
      if (fsync(folder_fd) != 0) fail("fsync");
      while (!atomic_load(&is_written)) sched_yield();
      close(file);
      answer(peer, pdv[4], &command);
    }
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  int on = 1, folder_fd = open(arguments[2], O_RDONLY | O_DIRECTORY);
  if (folder_fd < 0) fail("open");
  if (posix_memalign((void **)&object, BLOCK, MOST) != 0) return 1;
  pthread_t writer;
  if (pthread_create(&writer, NULL, write_objects, NULL) != 0) return 1;
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0) fail("listen");
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    serve(peer, arguments[2], folder_fd);
    close(peer);
  }
}
