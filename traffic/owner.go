package traffic

// Owner is the process that uses a socket. Once handed out it is shared and
// never written to. All text in it is clean (see CleanText).
type Owner struct {
	PID   int
	Start uint64 // start time in clock ticks after boot (proc(5), stat field 22): a pid alone is not an identity
	UID   uint32

	Command string   // the arguments joined by spaces; "[comm]" where there are none
	Args    []string // the first arguments, at most 16, for grouping; nil where there are none
	Comm    string   // the kernel's 15-byte name
	User    string   // name of UID, else its number

	Container string // short id (12 hex digits) or name, from the cgroup path; "" outside containers
	Unit      string // systemd unit; "" where there is none
}

// KernelOwner is the owner of what the kernel sends and answers by itself
// (ICMP echo replies, resets). Its PID is 0.
func KernelOwner() *Owner { return &Owner{Command: AppKernel} }

// IsKernel reports whether o stands for the kernel itself.
func (o *Owner) IsKernel() bool { return o.PID == 0 }

// Limits on the text of an Owner, in bytes.
const (
	MaxCommand = 4096
	MaxWord    = 256
)
