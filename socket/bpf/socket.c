// Counts the bytes of every socket below a cgroup, and notes whose socket it
// is. All of it hangs on cgroup hooks and raw tracepoints.
//
// Nothing is kept here but the counters of flows that are open and who uses
// them: user space reads what events tell it to, and takes out what has ended.
// What finds no room is never dropped in silence: see enum total.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "kernel.h"
#include "maps.h"
#include "owner.h"
#include "flow.h"

// A socket is made, or something about it is said, by who uses it.

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *sk)
{
	tag(sk, bpf_get_socket_cookie(sk));
	return 1;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *sk)
{
	tag(sk, bpf_get_socket_cookie(sk));
	return 1;
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *sk)
{
	tag(sk, bpf_get_socket_cookie(sk));
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	if (ctx->sk)
		tag(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	if (ctx->sk)
		tag(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	if (ctx->sk)
		tag(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	if (ctx->sk)
		tag(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

// Kernel 6.3 and later tell of every send and receive, in the context of the
// process that does it.

SEC("raw_tp/sock_send_length")
int sock_send_length(struct bpf_raw_tracepoint_args *ctx)
{
	uses((struct sock *)ctx->args[0]);
	return 0;
}

SEC("raw_tp/sock_recv_length")
int sock_recv_length(struct bpf_raw_tracepoint_args *ctx)
{
	uses((struct sock *)ctx->args[0]);
	return 0;
}

// Packets.

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	count(skb, true);
	return 1;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	count(skb, false);
	return 1;
}

SEC("tc")
int packet_egress(struct __sk_buff *skb)
{
	count_packet(skb);
	return TCX_NEXT;
}

// A socket ends with its last packet: TCP says goodbye long after the process has
// closed it, all others end then.

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *sk)
{
	__u32 proto = sk->protocol;

	if ((proto == IPPROTO_TCP || proto == IPPROTO_MPTCP) && sk->state != BPF_TCP_CLOSE)
		return 1;
	end(bpf_get_socket_cookie(sk));
	return 1;
}

SEC("raw_tp/inet_sock_set_state")
int inet_sock_set_state(struct bpf_raw_tracepoint_args *ctx)
{
	if (ctx->args[2] == BPF_TCP_CLOSE)
		end(cookie_of((struct sock *)ctx->args[0]));
	return 0;
}

// The kernel passes over a program that the same processor is in the midst of:
// where one of the two is, the other is not.
SEC("raw_tp/inet_sock_set_state")
int inet_sock_set_state2(struct bpf_raw_tracepoint_args *ctx)
{
	if (ctx->args[2] == BPF_TCP_CLOSE)
		end(cookie_of((struct sock *)ctx->args[0]));
	return 0;
}

SEC("raw_tp/sched_process_exit")
int sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct user u = current_user();
	struct event e = { .kind = GONE, .who = u.who };

	// The thread that has the process's number. Where others go on without it
	// they are met again when they make a socket or use another.
	if ((u32)bpf_get_current_pid_tgid() == u.who.pid && bpf_map_lookup_elem(&owners, &u.who))
		tell(&e);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
