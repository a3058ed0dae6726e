// Tells which process holds which socket: reading the iterator walks the
// descriptors of all processes. It is for sockets that nobody was seen to use.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "address.h"

struct holder {
	u64 cookie;
	u64 start; // of the process, ns since boot
	u64 cgroup;
	u32 pid; // of the initial namespace
	u32 uid;
	u32 netns; // of the socket
	u8 comm[16];
	u8 local[16]; // address of the socket
	u32 pad;
};

// User space has its type from the program, which names it nowhere.
struct holder *holder_type __attribute__((unused));

SEC("iter/task_file")
int holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket || !socket->sk)
		return 0;
	u16 family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	struct holder h = { .cookie = BPF_CORE_READ(socket, sk, __sk_common.skc_cookie.counter) };
	// What has none has carried nothing yet. Only what MPTCP carries is counted
	// at others, which are found by this one's from now on.
	if (!h.cookie && BPF_CORE_READ(socket, sk, sk_protocol) == IPPROTO_MPTCP)
		h.cookie = bpf_get_socket_cookie(socket->sk);
	if (family == AF_INET)
		map4(h.local, BPF_CORE_READ(socket, sk, __sk_common.skc_rcv_saddr));
	else
		BPF_CORE_READ_INTO(&h.local, socket, sk, __sk_common.skc_v6_rcv_saddr);
	h.start = BPF_CORE_READ(task, group_leader, start_boottime);
	h.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	h.pid = BPF_CORE_READ(task, tgid);
	h.uid = BPF_CORE_READ(task, cred, uid.val);
	h.netns = BPF_CORE_READ(socket, sk, __sk_common.skc_net.net, ns.inum);
	BPF_CORE_READ_STR_INTO(&h.comm, task, comm);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
