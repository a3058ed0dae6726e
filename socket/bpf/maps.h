// What the programs and user space share. The Go side has the same layout
// (bpf2go makes it from the types here).

#pragma once

// Sizes are set by user space before the programs are loaded. Nothing is
// allocated for an entry before it is there.
enum { SOME = 1024 };

// who is one process: a number alone is not, since numbers come back.
struct who {
	u64 start; // ns since boot; 0: nobody is known
	u32 pid;   // of the initial namespace
	u32 pad;
};

// user is a process with the program that it runs, and the network namespace of
// the socket that it uses.
struct user {
	struct who who;
	u64 image; // where its arguments lie: another program's lie elsewhere
	u32 netns; // number of its inode
	u32 pad;
};

enum { ARGS = 512 };

// owner is what is known of a process.
struct owner {
	u64 image;
	u64 cgroup;
	u32 uid;
	u32 length; // of its arguments; more than ARGS when they are cut
	u8 comm[16];
	u8 args[ARGS];
};

// flow_key is one conversation of one socket. That of a connection is the
// socket's only one; a listener has one for all, of nobody: what connections
// were before they were accepted.
struct flow_key {
	u64 cookie;
	u64 which; // LOOPBACK or not, and a hash of the remote end without a connection
};

enum { LOOPBACK = 1 };

// What comes in and what goes out is often counted on two processors at once:
// each has a cache line of its own, and what is only read has another. (Before
// the value there are 64 bytes, the key among them.)
struct flow {
	struct who who; // who had the socket when the flow began
	u8 local[16], remote[16];
	u16 lport, rport; // network byte order
	u16 proto;
	u16 kernel; // the socket is one of the kernel's own
	u32 tick;  // in which it was last told of
	u32 netns; // of the socket; 0: not known
	u64 rx_bytes, rx_packets;
	u64 apart[6];
	u64 tx_bytes, tx_packets;
};

// place is where what found no room was carried.
enum place { HERE, IN_LOOPBACK, ELSEWHERE, PLACES };

// total is what could not be booked to a flow, and what could not be told.
enum total {
	OVERFLOW_RX, // bytes of flows that found no room; for each place once
	OVERFLOW_TX,
	OVERFLOW_PACKETS_RX,
	OVERFLOW_PACKETS_TX,
	OVERFLOWS,
	OWNERS_FULL = PLACES * OVERFLOWS, // processes that found no room
	USERS_FULL,                       // users of sockets that found no room
	UNTOLD, // untold + a kind of event: those that found no room
	TOTALS = UNTOLD + 8,
};

// An event tells user space what to look at. It is told of a flow once a tick.
enum kind {
	MOVED,   // the flow's counters did
	ENDED,   // the socket of that cookie
	HANDED,  // the socket of that cookie has another user
	RENAMED, // the process executed another program
	GONE,    // the process
};

struct event {
	u32 kind;
	u32 pad;
	union {
		struct flow_key flow; // MOVED
		struct {              // the others, as far as it concerns them
			u64 cookie;
			struct who who;
			u32 netns;
			u32 pad2;
		};
	};
};

// User space has its types from the programs, which name these nowhere.
struct event *event_type __attribute__((unused));
enum kind *kind_type __attribute__((unused));
enum total *total_type __attribute__((unused));
enum place *place_type __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOTALS);
	__type(key, u32);
	__type(value, u64);
} totals SEC(".maps");

#define HASH(name, of_key, of_value)                 \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_HASH);             \
		__uint(map_flags, BPF_F_NO_PREALLOC);        \
		__uint(max_entries, SOME);                   \
		__type(key, of_key);                         \
		__type(value, of_value);                     \
	} name SEC(".maps")

HASH(flows, struct flow_key, struct flow);
HASH(ended, u64, u8);          // sockets whose end could not be told
HASH(users, u64, struct user); // by cookie: who last sent or received
HASH(owners, struct who, struct owner);

// The socket's own note of whose it is. A connection gets a copy of its
// listener's.
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct user);
} tags SEC(".maps");

// An owner is too large for the stack: it begins as this and is filled in place.
const volatile struct owner nobody = {};

// used is who used a socket last on this processor, for most of what is sent
// and received: only that somebody else does is worth more than a look here.
struct used {
	u64 cookie;
	u64 mm;
	u32 pid;
	u32 pad;
};

enum { USED = 256 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, USED);
	__type(key, u32);
	__type(value, struct used);
} used SEC(".maps");

// watched is the cgroup whose sockets count: tracepoints know of none.
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} watched SEC(".maps");

// home is the number of the network namespace whose interfaces count.
volatile u32 home;

// tick is counted by user space, each time before it takes the events.
volatile u32 tick;

static __always_inline void add(enum total which, u64 n)
{
	u32 key = which;
	u64 *v = bpf_map_lookup_elem(&totals, &key);

	if (v) // a packet may come in while another goes out
		__sync_fetch_and_add(v, n);
}

// tell reports whether the event found room. Nobody is woken: user space comes
// by itself.
static __always_inline bool tell(struct event *e)
{
	if (!bpf_ringbuf_output(&events, e, sizeof(*e), BPF_RB_NO_WAKEUP))
		return true;
	add(UNTOLD + e->kind, 1);
	return false;
}
