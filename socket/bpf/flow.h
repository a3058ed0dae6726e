// How much of what goes where.

#pragma once

// What a packet's headers say, from the socket's point of view.
struct ends {
	u8 local[16], remote[16];
	u16 lport, rport; // network byte order
	u32 header;       // bytes before the transport's payload; 0: not known
};

static __always_inline void map4(u8 to[16], u32 from)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &from, 4);
}

static __always_inline bool has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP;
}

// parse reads the packet's addresses and ports. Fragments and IPv6 extension
// headers have no ports here.
static __always_inline void parse(struct __sk_buff *skb, bool rx, struct ends *e)
{
	u8 proto = 0, version = 0;
	u16 ports[2] = {};
	u32 l4;

	if (bpf_skb_load_bytes(skb, 0, &version, 1))
		return;
	if (version >> 4 == 4) {
		u8 head[20];
		u32 src, dst;
		if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
			return;
		__builtin_memcpy(&src, head + 12, 4);
		__builtin_memcpy(&dst, head + 16, 4);
		map4(rx ? e->remote : e->local, src);
		map4(rx ? e->local : e->remote, dst);
		l4 = (head[0] & 15) * 4;
		proto = (head[6] & 0x1f) || head[7] ? 0 : head[9];
	} else {
		u8 head[40];
		if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
			return;
		__builtin_memcpy(rx ? e->remote : e->local, head + 8, 16);
		__builtin_memcpy(rx ? e->local : e->remote, head + 24, 16);
		l4 = sizeof(head);
		proto = head[6];
	}
	if (!has_ports(proto) || bpf_skb_load_bytes(skb, l4, ports, sizeof(ports)))
		return;
	e->rport = ports[rx ? 0 : 1];
	e->lport = ports[rx ? 1 : 0];
	if (proto == IPPROTO_TCP) {
		u8 offset;
		if (!bpf_skb_load_bytes(skb, l4 + 12, &offset, 1))
			e->header = l4 + (offset >> 4) * 4;
	} else if (proto == IPPROTO_UDP) {
		e->header = l4 + 8;
	}
}

// peer is the other end of a connected socket. It reports whether there is one.
static __always_inline bool peer(struct bpf_sock *sk, struct flow_key *k, struct flow *f)
{
	u16 port = sk->dst_port;

	if (sk->family == AF_INET) {
		if (!sk->dst_ip4)
			return false;
		map4(k->remote, sk->dst_ip4);
		map4(f->local, sk->src_ip4);
	} else if (sk->family == AF_INET6) {
		u32 remote[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2], sk->dst_ip6[3] };
		u32 local[4] = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] };
		if (!(remote[0] | remote[1] | remote[2] | remote[3]))
			return false;
		__builtin_memcpy(k->remote, remote, 16);
		__builtin_memcpy(f->local, local, 16);
	} else {
		return false;
	}
	k->port = port;
	f->port = bpf_htons(sk->src_port);
	return true;
}

// alone fills in which flow a packet belongs to whose socket is connected to
// nobody.
static __always_inline void alone(struct bpf_sock *sk, struct ends *e, struct flow_key *k, struct flow *f)
{
	__builtin_memcpy(f->local, e->local, 16);
	f->port = has_ports(k->proto) ? bpf_htons(sk->src_port) : 0;
	if (k->proto == IPPROTO_TCP)
		return; // a listener: of nobody
	__builtin_memcpy(k->remote, e->remote, 16);
	k->port = e->rport;
}

// found returns the flow of that key, a new one where there is none.
static __always_inline struct flow *found(struct bpf_sock *sk, struct flow_key *k, struct flow *fresh)
{
	struct flow *f = bpf_map_lookup_elem(&flows, k);

	if (f)
		return f;
	struct who *t = bpf_sk_storage_get(&tags, sk, 0, 0);
	if (t)
		fresh->who = *t;
	fresh->tick = tick - 1;
	bpf_map_update_elem(&flows, k, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flows, k);
}

static __always_inline void count(struct __sk_buff *skb, bool rx)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return; // the rest of a connection: the kernel's own

	struct flow_key k = {
		.cookie = bpf_get_socket_cookie(skb),
		.proto = sk->protocol,
		.loopback = skb->ifindex == LOOPBACK_IFINDEX,
	};
	struct flow fresh = {};
	u64 bytes = skb->len, packets = 1;
	u32 segments = skb->gso_segs;
	bool connected = sk->state != BPF_TCP_LISTEN && peer(sk, &k, &fresh);

	if (!connected || segments > 1) {
		struct ends e = {};
		parse(skb, rx, &e);
		if (!connected)
			alone(sk, &e, &k, &fresh);
		if (segments > 1) { // on the wire each has a header of its own
			packets = segments;
			bytes += (u64)(segments - 1) * e.header;
		}
	}
	struct flow *f = found(sk, &k, &fresh);
	if (!f) {
		add(rx ? OVERFLOW_RX : OVERFLOW_TX, bytes);
		add(rx ? OVERFLOW_PACKETS_RX : OVERFLOW_PACKETS_TX, packets);
		return;
	}
	__sync_fetch_and_add(rx ? &f->rx_bytes : &f->tx_bytes, bytes);
	__sync_fetch_and_add(rx ? &f->rx_packets : &f->tx_packets, packets);
	// In this order: who is told of it reads the counters afterwards.
	u32 now = tick;
	if (f->tick != now) {
		struct event moved = { .kind = MOVED, .flow = k };
		f->tick = now;
		tell(&moved);
	}
}

static __always_inline void end(u64 cookie)
{
	struct event e = { .kind = ENDED, .cookie = cookie };
	u8 one = 1;

	if (cookie && !tell(&e))
		bpf_map_update_elem(&ended, &cookie, &one, BPF_ANY);
}
