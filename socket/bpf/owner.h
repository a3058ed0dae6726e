// Whose socket it is.

#pragma once

static __always_inline struct user current_user(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct user u = {
		.who.start = BPF_CORE_READ(task, group_leader, start_boottime),
		.who.pid = BPF_CORE_READ(task, tgid),
		.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum),
	};

	if (mm)
		u.image = BPF_CORE_READ(mm, arg_start);
	return u;
}

static __always_inline bool same(const struct who *a, const struct who *b)
{
	return a->pid == b->pid && a->start == b->start;
}

// know sees to it that owners has the current process, as it is now.
static __always_inline void know(struct user *u)
{
	struct owner *o = bpf_map_lookup_elem(&owners, &u->who);
	bool known = o;

	if (known && o->image == u->image)
		return;
	if (!known) {
		bpf_map_update_elem(&owners, &u->who, (const void *)&nobody, BPF_NOEXIST);
		o = bpf_map_lookup_elem(&owners, &u->who);
	}
	if (!o) {
		add(OWNERS_FULL, 1);
		return;
	}
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	o->image = u->image;
	o->uid = BPF_CORE_READ(task, cred, uid.val);
	o->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_STR_INTO(&o->comm, task, comm);
	if (u->image) {
		u64 end = BPF_CORE_READ(task, mm, arg_end), length = end - u->image;
		o->length = length;
		if (length > ARGS)
			length = ARGS;
		// What is not in memory now is left out; /proc completes it.
		if (end <= u->image || bpf_probe_read_user(o->args, length, (void *)u->image))
			o->length = 0;
	}
	if (known) {
		struct event e = { .kind = RENAMED, .who = u->who };
		tell(&e);
	}
}

static __always_inline u64 cookie_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

// hand notes that the current process uses the socket. It reports whether there
// was room for that.
static __always_inline bool hand(u64 cookie, struct user *u)
{
	struct user *before = bpf_map_lookup_elem(&users, &cookie);
	struct event e = { .kind = HANDED, .cookie = cookie, .who = u->who, .netns = u->netns };

	know(u);
	if (before && before->image == u->image && same(&before->who, &u->who))
		return true;
	if (bpf_map_update_elem(&users, &cookie, u, BPF_ANY)) {
		add(USERS_FULL, 1);
		return false;
	}
	tell(&e);
	return true;
}

// tag notes on the socket itself whose it is.
static __always_inline void tag(struct bpf_sock *sk, u64 cookie)
{
	struct user u = current_user();
	struct user *t = bpf_sk_storage_get(&tags, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	know(&u);
	if (sk->protocol == IPPROTO_MPTCP) // what it carries is counted at others
		hand(cookie, &u);
	if (!t)
		return;
	if (t->netns) // a socket stays in the namespace that it was made in
		u.netns = t->netns;
	if (t->who.start && !same(&t->who, &u.who))
		hand(cookie, &u);
	*t = u;
}

// uses is tag for whoever has only the kernel's own socket, which may be older
// than these programs, or have come from a listener. It runs with everything
// that is sent and received.
static __always_inline void uses(struct sock *sk)
{
	u64 cookie = cookie_of(sk);
	struct task_struct *task = bpf_get_current_task_btf();
	u32 slot = cookie % USED, pid = bpf_get_current_pid_tgid() >> 32;
	struct used *last = bpf_map_lookup_elem(&used, &slot);

	if (!cookie || !last)
		return; // it has neither sent nor received anything
	u64 mm = (u64)task->mm;
	if (last->cookie == cookie && last->pid == pid && last->mm == mm)
		return;
	// Sockets of other families are counted nowhere, and end unheard.
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return;
	if (!bpf_current_task_under_cgroup(&watched, 0))
		return;
	struct user u = current_user();
	u.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (!hand(cookie, &u))
		return;
	last->cookie = cookie;
	last->pid = pid;
	last->mm = mm;
}
