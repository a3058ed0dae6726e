// How much of what goes where.

#pragma once

#include "address.h"

// What a packet's headers say, from the socket's point of view.
struct ends {
	u8 local[16], remote[16];
	u16 lport, rport; // network byte order
};

static __always_inline bool has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP;
}

// parse reads the addresses and ports of the packet that begins there, and
// returns its protocol. Fragments and IPv6 extension headers have no ports here.
static __always_inline u8 parse(struct __sk_buff *skb, u32 at, bool rx, struct ends *e)
{
	u8 proto = 0, version = 0;
	u16 ports[2] = {};
	u32 l4;

	if (bpf_skb_load_bytes(skb, at, &version, 1))
		return 0;
	if (version >> 4 == 4) {
		u8 head[20];
		u32 src, dst;
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return 0;
		__builtin_memcpy(&src, head + 12, 4);
		__builtin_memcpy(&dst, head + 16, 4);
		map4(rx ? e->remote : e->local, src);
		map4(rx ? e->local : e->remote, dst);
		l4 = at + (head[0] & 15) * 4;
		proto = head[9];
		if ((head[6] & 0x1f) || head[7])
			return proto;
	} else if (version >> 4 == 6) {
		u8 head[40];
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return 0;
		__builtin_memcpy(rx ? e->remote : e->local, head + 8, 16);
		__builtin_memcpy(rx ? e->local : e->remote, head + 24, 16);
		l4 = at + sizeof(head);
		proto = head[6];
	}
	if (has_ports(proto) && !bpf_skb_load_bytes(skb, l4, ports, sizeof(ports))) {
		e->rport = ports[rx ? 0 : 1];
		e->lport = ports[rx ? 1 : 0];
	}
	return proto;
}

// header is the length of a packet's headers, up to the transport's payload; 0
// where it is not known. Packets of several segments have no options of IP.
static __always_inline u32 header(struct __sk_buff *skb, u8 proto)
{
	u8 *head = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end, offset;
	u32 l3 = skb->protocol == bpf_htons(ETH_P_IPV6) ? 40 : 20;

	if (proto == IPPROTO_UDP)
		return l3 + 8;
	if (proto != IPPROTO_TCP)
		return 0;
	if (l3 == 20 && head + 20 + 13 <= end)
		offset = head[20 + 12];
	else if (l3 == 40 && head + 40 + 13 <= end)
		offset = head[40 + 12];
	else if (bpf_skb_load_bytes(skb, l3 + 12, &offset, 1))
		return 0;
	return l3 + (offset >> 4) * 4;
}

static __always_inline bool is_zero(const u32 a[4]) { return !(a[0] | a[1] | a[2] | a[3]); }

// connected reports whether the socket has one other end.
static __always_inline bool connected(struct bpf_sock *sk)
{
	if (sk->family == AF_INET)
		return sk->dst_ip4;
	return sk->family == AF_INET6 && (sk->dst_ip6[0] | sk->dst_ip6[1] | sk->dst_ip6[2] | sk->dst_ip6[3]);
}

static __always_inline bool listens(struct bpf_sock *sk)
{
	return sk->state == BPF_TCP_LISTEN && sk->protocol == IPPROTO_TCP;
}

// hash tells the ends that one socket talks to from each other, in each network
// namespace: the kernel answers in all with the same.
static __always_inline u64 hash(struct ends *e, u32 netns)
{
	u64 a, b;

	__builtin_memcpy(&a, e->remote, 8);
	__builtin_memcpy(&b, e->remote + 8, 8);
	a = (a ^ e->rport ^ (u64)netns << 16) * 0x9e3779b97f4a7c15 ^ b;
	a = (a ^ a >> 32) * 0x9e3779b97f4a7c15;
	return (a ^ a >> 29) << 1 | 1ULL << 63;
}

// ends_of fills in the two ends as the socket has them, and else as the packet.
static __always_inline void ends_of(struct bpf_sock *sk, struct ends *e, struct flow *f)
{
	__builtin_memcpy(f->local, e->local, 16);
	__builtin_memcpy(f->remote, e->remote, 16);
	f->rport = e->rport;
	if (has_ports(f->proto))
		f->lport = bpf_htons(sk->src_port);
	if (listens(sk)) {
		__builtin_memset(f->remote, 0, 16);
		f->rport = 0;
	} else if (connected(sk)) {
		f->rport = sk->dst_port;
	}
	if (sk->family == AF_INET) {
		if (sk->src_ip4)
			map4(f->local, sk->src_ip4);
		if (sk->dst_ip4)
			map4(f->remote, sk->dst_ip4);
	} else if (sk->family == AF_INET6) {
		u32 from[4] = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] };
		u32 to[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2], sk->dst_ip6[3] };
		if (!is_zero(from))
			__builtin_memcpy(f->local, from, 16);
		if (!is_zero(to))
			__builtin_memcpy(f->remote, to, 16);
	}
}

// end tells that a socket has.
static __always_inline void end(u64 cookie)
{
	struct event e = { .kind = ENDED, .cookie = cookie };
	u8 one = 1;

	if (!cookie || !bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_NO_WAKEUP))
		return;
	// In this order: who sees the count finds it.
	bpf_map_update_elem(&ended, &cookie, &one, BPF_ANY);
	add(UNTOLD + ENDED, 1);
}

// origin is what the kernel alone knows of a socket. Before Linux 6.2 it is all
// zero.
struct origin {
	u32 netns;
	bool kernel; // it is one of the kernel's own, which no process ever had
};

static __always_inline struct origin origin_of(struct bpf_sock *sk)
{
	struct origin o = {};

	if (!bpf_rdonly_cast)
		return o;
	struct sock *whole = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
	o.netns = whole->__sk_common.skc_net.net->ns.inum;
	o.kernel = !BPF_CORE_READ_BITFIELD(whole, __sk_common.skc_net_refcnt);
	return o;
}

// mptcp is the cookie of the socket that the process has, where this is one of
// those that the kernel spreads its connection over; else 0.
static __always_inline u64 mptcp(struct bpf_sock *sk)
{
	if (!bpf_rdonly_cast || !bpf_core_field_exists(struct tcp_sock, is_mptcp))
		return 0;
	struct tcp_sock *tcp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	if (!tcp->is_mptcp)
		return 0;
	struct inet_connection_sock *c = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_connection_sock));
	struct mptcp_subflow_context *of =
		bpf_rdonly_cast(c->icsk_ulp_data, bpf_core_type_id_kernel(struct mptcp_subflow_context));
	return of->conn->__sk_common.skc_cookie.counter;
}

// begin makes the flow of that key, which is not there yet.
static __always_inline struct flow *begin(struct __sk_buff *skb, struct bpf_sock *sk, struct flow_key *k, bool rx)
{
	struct origin o = origin_of(sk);
	// What carries MPTCP, the kernel made for a process.
	bool own = k->cookie == bpf_get_socket_cookie(skb);
	struct flow fresh = { .proto = sk->protocol, .tick = tick - 1, .netns = o.netns, .kernel = o.kernel && own };
	struct ends e = {};
	struct user *t = bpf_sk_storage_get(&tags, sk, 0, 0);

	if (t) {
		fresh.who = t->who;
		fresh.netns = t->netns;
	}
	parse(skb, 0, rx, &e);
	ends_of(sk, &e, &fresh);
	bpf_map_update_elem(&flows, k, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flows, k);
}

// passed is what went by, as on the wire.
struct passed {
	u64 bytes, packets;
};

static __always_inline void book(struct flow_key *k, struct flow *f, struct passed *n, bool rx)
{
	__sync_fetch_and_add(rx ? &f->rx_bytes : &f->tx_bytes, n->bytes);
	__sync_fetch_and_add(rx ? &f->rx_packets : &f->tx_packets, n->packets);
	// In this order: who is told of it reads the counters afterwards.
	u32 now = tick;
	if (f->tick != now) {
		struct event moved = { .kind = MOVED, .flow = *k };
		f->tick = now;
		tell(&moved);
	}
}

// overflow books what found no room.
static __always_inline void overflow(enum place place, struct passed *n, bool rx)
{
	u32 base = place * OVERFLOWS;

	add(base + (rx ? OVERFLOW_RX : OVERFLOW_TX), n->bytes);
	add(base + (rx ? OVERFLOW_PACKETS_RX : OVERFLOW_PACKETS_TX), n->packets);
}

// place_of is where a packet of a socket is carried.
static __always_inline enum place place_of(struct bpf_sock *sk, struct flow_key *k)
{
	u32 netns = origin_of(sk).netns;

	if (k->which & LOOPBACK)
		return IN_LOOPBACK;
	return netns && home && netns != home ? ELSEWHERE : HERE;
}

static __always_inline void count(struct __sk_buff *skb, bool rx)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return; // the rest of a connection: the kernel's own

	// A raw socket of a protocol that has others gets copies of what is theirs.
	if (rx && sk->type == SOCK_RAW && has_ports(sk->protocol))
		return;

	u64 parent = sk->type == SOCK_STREAM && sk->protocol == IPPROTO_TCP ? mptcp(sk) : 0;
	struct flow_key k = {
		.cookie = parent ? parent : bpf_get_socket_cookie(skb),
		.which = skb->ifindex == LOOPBACK_IFINDEX ? LOOPBACK : 0,
	};
	struct passed n = { .bytes = skb->len, .packets = 1 };
	u32 segments = skb->gso_segs;

	if (segments > 1) { // on the wire each has a header of its own
		n.packets = segments;
		n.bytes += (u64)(segments - 1) * header(skb, sk->protocol);
	}
	if (!connected(sk) && !listens(sk)) {
		struct ends e = {};
		parse(skb, 0, rx, &e);
		k.which |= hash(&e, origin_of(sk).netns);
	}
	struct flow *f = bpf_map_lookup_elem(&flows, &k);
	bool begins = !f;
	if (begins)
		f = begin(skb, sk, &k, rx);
	if (!f) {
		overflow(place_of(sk, &k), &n, rx);
		return;
	}
	book(&k, f, &n, rx);
	// Its end has been told, or it is one of the kernel's own, which answer
	// what nobody listens to and never end: say it (again).
	if (begins && sk->protocol == IPPROTO_TCP && sk->state == BPF_TCP_CLOSE && !parent)
		end(k.cookie);
}

// count_packet counts what a packet socket sends: no hook of a cgroup sees it,
// the interface does, while the process that sends is still at it. Copies that
// it receives are others'.
static __always_inline void count_packet(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk || sk->family != AF_PACKET || !bpf_cast_to_kern_ctx)
		return;
	if (bpf_skb_under_cgroup(skb, &watched, 0) != 1)
		return;
	struct sk_buff *s = bpf_cast_to_kern_ctx(skb);
	u32 at = s->head + s->network_header - s->data;
	struct passed n = { .bytes = skb->len - at, .packets = 1 };
	struct ends e = {};
	u8 proto = parse(skb, at, false, &e);
	struct flow_key k = { .cookie = bpf_get_socket_cookie(skb), .which = hash(&e, 0) };
	struct flow *f = bpf_map_lookup_elem(&flows, &k);

	if (!f) {
		struct user u = current_user();
		struct flow fresh = { .who = u.who, .netns = u.netns, .proto = proto, .tick = tick - 1 };

		know(&u);
		__builtin_memcpy(fresh.local, e.local, sizeof(e.local));
		__builtin_memcpy(fresh.remote, e.remote, sizeof(e.remote));
		fresh.lport = e.lport;
		fresh.rport = e.rport;
		bpf_map_update_elem(&flows, &k, &fresh, BPF_NOEXIST);
		f = bpf_map_lookup_elem(&flows, &k);
	}
	if (f)
		book(&k, f, &n, false);
	else
		overflow(HERE, &n, false);
}
