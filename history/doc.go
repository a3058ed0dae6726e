// Package history keeps what was used: by minute, hour, day and month, for apps,
// commands, users, containers, units, hosts, interfaces, pipes and disks: bytes received
// and sent, and of disks, and of whom they work for, bytes read (rx) and written (tx).
// Beside them it keeps how the other figures of the machine went, see Trends.
//
// # Exactness
//
// A Store takes the differences of the running totals of consecutive Snapshots and
// adds each of them to the piece of every level that it falls into, in one
// transaction. So the minutes of an hour add up to that hour, the hours of a day to
// that day, and so on, at every moment that anybody can see; deleting old minutes
// takes nothing from the hours. All figures are integers. Totals that fall, because
// the ledger moved bytes from one row to another, are booked as negative figures:
// the sum over all rows is always what the ledger's totals add up to. A Report shows
// no negative figure: it takes it from the steps before, and what is then left
// counts as nothing.
//
// What has no place by name, see Options, is summed as traffic.Others, of commands by
// app. The rows that the ledger folds others into stand there too, with what they carried
// themselves: what they took over stays with those who carried it.
//
// # Trends
//
// What Snapshot.Series measures has a mean, a minimum and a maximum in each minute, hour,
// day and month, but for what counts (see isSum), of which disks' bytes are kept as above.
// A figure is taken to have been so since the Snapshot before, and is weighted with that
// time: an hour's mean is that of its minutes, whatever was left out or restarted in it.
// Figures are rounded to 16 bits, where they hardly move to 24. At one time 500 series
// and 4000 metrics have trends; Status says how many have none.
//
// # Fleets
//
// A Fleet keeps the past of many hosts in one file: of each member all of the above but
// remote hosts, and of all together apps, the members themselves (what their interfaces in
// the balance carried), and what each member used of an app. The latter are sums of the
// very differences that the members' are made of, in the same transaction; so they agree
// at each level and time, to the byte. What a member was forgotten with stays in them.
//
// The same transaction writes each member's last Snapshot, which is all that an intake
// knows. Whoever opens the file after a crash goes on from there: a later Snapshot of the
// same Run adds what it has more, one of another Run counts from zero. It is synced to the
// disk before Flush returns.
//
// Names are shared by all members; how many one may add is bounded, and what comes beyond
// is traffic.Others. A Snapshot that is more than ten minutes ahead of the clock here is
// booked at what that says.
//
// # The file
//
// It is an SQLite database (WAL) of schema 3. The table series has the names:
//
//	id    from 1; 0 stands for traffic.Others
//	kind  of the series, as below; 64: the ID of a series of trends, 65: a metric
//	app   of a command: the id of its app; else 0
//	name
//	hash  of kind and name, for finding it
//
// The tables minute, five, hour, day and month have one row, a piece, for each kind
// and time. Its id is 256 times the second of Unix time that it begins at, plus the
// kind, plus 2^42 times the number of the member, which is 0 for a machine by itself and
// for a whole fleet; its data are, see piece.go, the figures of all series of the kind in
// that time: a few bytes each, which a row of its own would need tens of. Kinds are
//
//	0  the time that was measured: rx of series 0 is milliseconds
//	1  apps             4  containers  7  remote hosts  10  block devices
//	2  commands         5  units       8  interfaces
//	3  users            6  LAN hosts   9  pipes
//
// and 11 to 15, disk bytes of what 1 to 5 are. Those have their names from 1 to 5. Of
// fleets 16 are hosts, and 17 hosts by app, with the names of 16.
//
// The tables trend_minute, trend_hour, trend_day and trend_month have pieces of trends,
// see trendpiece.go: one for each time and kind of series (theme), which stands where the
// kind does in its id. They are dropped together with the others of their time.
//
// A piece whose time is not over is open: it is in a table of its own (open_minute and so
// on, open_trend_minute and so on), and moves to the one that is named above when the next
// time has begun. Schema 1 had neither tables of open pieces, which lay among the others,
// nor trends, schema 2 nothing of fleets.
//
// The table host has a fleet's members: id, the number; name; run, note and last, see
// baseline.go, as they were booked last; hash, over all these. What of a member was damaged
// is in the table aside. The table journal has what was flushed and is not in pieces yet,
// one row for each member and minute of a flush, see journal.go: with many hosts, adding
// to all their pieces each time would be dear. Run does so every five minutes. Whoever
// reads adds it up.
//
// five has pieces of five minutes, of time and interfaces only, for percentiles.
// Minutes are those of UTC; hours, days and months are those of Options.Location,
// which has days of 23 and 25 hours, and hours that begin at half past in UTC. After
// the location was changed, older pieces stay as they are, and each counts where the
// most of it lies.
//
// # The clock
//
// A difference is booked where the clock of its Snapshot stands: none can be booked
// twice, however the clock jumps. What is too old is deleted only by a clock that
// has gone evenly for an hour. A clock that was plainly never set is not believed.
package history
