// What is read of the kernel's own structures. Where the fields lie is found
// out when the programs are loaded (CO-RE), so only their names matter here.

#pragma once

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;
enum { false, true };

enum {
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_SCTP = 132,
	IPPROTO_UDPLITE = 136,
};

enum { AF_INET = 2, AF_INET6 = 10, ETH_P_IPV6 = 0x86dd };

enum { LOOPBACK_IFINDEX = 1, SOCK_RAW = 3 };

#define CORE __attribute__((preserve_access_index))

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
} CORE;

struct ns_common {
	u32 inum;
} CORE;

struct net {
	struct ns_common ns;
} CORE;

struct nsproxy {
	struct net *net_ns;
} CORE;

struct task_struct {
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	u64 start_boottime;
	struct mm_struct *mm;
} CORE;

struct atomic64 {
	long long counter;
};

struct sock_common {
	u16 skc_family;
	struct {
		struct net *net;
	} skc_net;
	struct {
		long long counter;
	} skc_cookie;
} CORE;

struct sock {
	struct sock_common __sk_common;
} CORE;
