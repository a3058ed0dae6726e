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
	kinds
)

// kindNames are the words of a traffic.Query.
var kindNames = [kinds]string{
	kindApp: traffic.ByApp, kindCommand: traffic.ByCommand, kindUser: traffic.ByUser,
	kindContainer: traffic.ByContainer, kindUnit: traffic.ByUnit,
	kindLANHost: traffic.ByLANHost, kindRemoteHost: traffic.ByRemoteHost,
	kindInterface: traffic.ByInterface, kindPipe: traffic.ByPipe,
}

// kindOf returns the kind of a checked query's By.
func kindOf(by string) kind { return kind(slices.Index(kindNames[:], by)) }

// grouped reports whether the figures of a kind are divided by app.
func (k kind) grouped() bool { return k == kindCommand }
