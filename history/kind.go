package history

import (
	"slices"

	"bwmon/traffic"
)

// kind is what a series is about. Its numbers are in files.
type kind uint8

const (
	kindTime kind = iota // how long was measured
	kindApp
	kindCommand
	kindUser
	kindContainer
	kindUnit
	kindLANHost
	kindRemoteHost
	kindInterface
	kindPipe
	kindDisk // a block device: rx was read, tx written
	// What apps and others read and wrote. They are called as in traffic.
	kindDiskApp
	kindDiskCommand
	kindDiskUser
	kindDiskContainer
	kindDiskUnit
	// Of fleets.
	kindHost    // what a member's interfaces in the balance carried
	kindAppHost // what members used of an app
	kinds

	// Names that trends have.
	kindSeries kind = 64 // the ID of a series
	kindMetric kind = 65
)

// kindNames are the words of a traffic.Query.
var kindNames = [kinds]string{
	kindApp: traffic.ByApp, kindCommand: traffic.ByCommand, kindUser: traffic.ByUser,
	kindContainer: traffic.ByContainer, kindUnit: traffic.ByUnit,
	kindLANHost: traffic.ByLANHost, kindRemoteHost: traffic.ByRemoteHost,
	kindInterface: traffic.ByInterface, kindPipe: traffic.ByPipe, kindDisk: traffic.ByDisk,
	kindHost: traffic.ByHost,
}

// kindOf returns what a checked query is about.
func kindOf(q traffic.Query) kind {
	k := kind(slices.Index(kindNames[:], q.By))
	if k == kindHost && q.App != "" {
		return kindAppHost
	}
	if q.Of == traffic.OfDisk && k.worker() {
		return k + (kindDiskApp - kindApp)
	}
	return k
}

// worker reports whether a kind is one that disks are read and written for.
func (k kind) worker() bool { return k >= kindApp && k <= kindUnit }

// names is the kind under which a kind's names are in the file.
func (k kind) names() kind {
	if k >= kindDiskApp && k <= kindDiskUnit {
		return k - (kindDiskApp - kindApp)
	}
	if k == kindAppHost {
		return kindHost
	}
	return k
}

// of is which bytes a kind's are, as reports say it.
func (k kind) of() string {
	if k >= kindDisk && k <= kindDiskUnit {
		return traffic.OfDisk
	}
	return ""
}

// paged reports whether a kind's bytes are mostly whole pages.
func (k kind) paged() bool { return k.of() == traffic.OfDisk }

// String is for people.
func (k kind) String() string {
	switch {
	case k == kindTime:
		return "time"
	case k == kindAppHost:
		return "bytes of apps by " + traffic.ByHost
	case k.names() != k:
		return "disk bytes by " + kindNames[k.names()]
	case k < kinds:
		return kindNames[k]
	}
	return "nothing"
}

// grouped reports whether the figures of a kind are divided by app.
func (k kind) grouped() bool { return k.names() == kindCommand || k == kindAppHost }

// ofFleet reports whether the whole fleet has pieces of a kind.
func (k kind) ofFleet() bool {
	return k == kindTime || k == kindApp || k == kindDiskApp || k == kindHost || k == kindAppHost
}
