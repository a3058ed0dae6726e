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
	IPPROTO_MPTCP = 262,
};

enum { AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17, ETH_P_IPV6 = 0x86dd };

enum { LOOPBACK_IFINDEX = 1, SOCK_STREAM = 1, SOCK_RAW = 3 };

enum { TCX_NEXT = -1 };

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

struct kernfs_node {
	u64 id;
} CORE;

struct cgroup {
	struct kernfs_node *kn;
} CORE;

struct css_set {
	struct cgroup *dfl_cgrp;
} CORE;

struct cred {
	struct {
		u32 val;
	} uid;
} CORE;

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	u64 start_boottime;
	struct mm_struct *mm;
	const struct cred *cred;
	struct css_set *cgroups;
} CORE;

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_rcv_saddr;
	u16 skc_family;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	unsigned char skc_net_refcnt : 1;
	struct {
		struct net *net;
	} skc_net;
	struct in6_addr skc_v6_rcv_saddr;
	struct {
		long long counter;
	} skc_cookie;
} CORE;

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
} CORE;

struct socket {
	struct sock *sk;
} CORE;

struct file;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} CORE;

struct inet_connection_sock {
	void *icsk_ulp_data;
} CORE;

struct tcp_sock {
	bool is_mptcp;
} CORE;

struct mptcp_subflow_context {
	struct sock *conn;
} CORE;

struct sk_buff {
	unsigned char *head, *data;
	u16 network_header;
} CORE;

// What a program's own context hides. Before Linux 6.2 there are none.
extern void *bpf_rdonly_cast(const void *obj, u32 type) __ksym __weak;
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;
