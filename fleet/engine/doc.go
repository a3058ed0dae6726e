// Package engine keeps the books of a fleet in an engine that speaks Prometheus's remote
// write and query API: Prometheus, VictoriaMetrics, Mimir, Thanos. A Writer makes
// cumulative counters of batches, a Reader makes reports and snapshots of them. Neither
// keeps anything that another could not do without: any number of receivers may write,
// and hosts may do so themselves.
//
// # Metrics
//
// Host is the member of the fleet, run the run of its engine: counters begin at 0 in each.
//
//	bwmon_fleet_app_receive_bytes_total{host,run,app}              and transmit, disk_read, disk_written
//	bwmon_fleet_command_receive_bytes_total{host,run,app,command,user,container,unit}   likewise; with Options.Commands
//	bwmon_fleet_lan_host_receive_bytes_total{host,run,lan_host}    and transmit
//	bwmon_fleet_pipe_receive_bytes_total{host,run,pipe}            and transmit
//	bwmon_fleet_interface_receive_bytes_total{host,run,interface}  and transmit
//	bwmon_fleet_disk_read_bytes_total{host,run,disk}               and written
//	bwmon_fleet_balance_receive_bytes{host,run,book}               and transmit; a level, as residuals may fall
//	bwmon_fleet_series_value{host,series,metric}                   a level: what is measured of the machine, or posted
//	bwmon_fleet_host_position{host,run}                            the number of the last batch; written after all else of it
//	bwmon_fleet_host_seen_timestamp_seconds{host,run}              its time
//	bwmon_fleet_host_waiting_batches{host}                         what a host has yet to send, as it says
//	bwmon_fleet_alerts_firing{host}
//
// These are the names that a host's own /metrics has, with bwmon_fleet in place of bwmon:
// what is called alike there means the same for one host, but for what the ledger moves.
// Each counter of rows has a second one, ..._moved_bytes_total, of what was moved from the
// row to others. What a row carried is the one less the other: its counter, which never
// falls, counts bytes also that turned out to be somebody else's. Figures that are 0 have
// no series, but for the first one named above, which tells that the row was there.
//
// # Exactness
//
// A sample is what a row had carried in its run at the batch's time. So what a row carried
// between two moments is, exactly, and whatever was lost, came twice or came late between,
//
//	(C at the end - M at the end) - (C at the beginning - M at the beginning)
//
// for each run by itself, where C is max_over_time(counter[W]), M that of the counter of
// what was moved, W is long enough to reach the last sample, and what there is not is 0.
// It holds on every engine, since no extrapolation, staleness or lookback enters it. The
// maximum is the latest value, as counters do not fall, also where clocks were set back
// or samples came late. Over a time in which all of W is known, with all runs that began
// in it, in PromQL as in MetricsQL:
//
//	sum by (app) (max_over_time(bwmon_fleet_app_receive_bytes_total{host="a"}[30d]))
//	  - (sum by (app) (max_over_time(bwmon_fleet_app_receive_moved_bytes_total{host="a"}[30d])) or 0 * sum by (app) (max_over_time(bwmon_fleet_app_receive_bytes_total{host="a"}[30d])))
//
// increase() is for charts. Prometheus's extrapolates to the ends of the range, so that
// integers become fractions, and does not count what comes before a series's first sample
// in it. VictoriaMetrics's does not extrapolate; it takes the sample before the range as
// the beginning if that is near, and else guesses from the first one. Rows that were not
// there before get a sample of 0 just after the batch's beginning, so that both count
// their first bytes.
//
// Values are floating point of 64 bits: integers up to 2^53 (9 PB) are exact. A counter
// beyond is rounded to a multiple of 2, of 4 from 2^54, of 8 from 2^55 to 2^56 bytes,
// where totals end; differences are off by no more than that.
//
// # What engines refuse
//
// Prometheus takes samples that are older than others of their series, or than an hour or
// so, only within storage.tsdb.out_of_order_time_window: it should be as long as hosts keep
// batches. What is refused without it is counted and left: later totals have it, so that it
// is booked when these came. Nothing but time is lost.
//
// What an engine has answered 2xx to survives its own crash as far as it promises that:
// Prometheus writes to a log that survives a kill, VictoriaMetrics holds what came in the
// last five seconds in memory. A row's next sample has what was lost with it; one that has
// no next sample stays where it was before those seconds.
package engine
