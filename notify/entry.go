package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// errDamaged is a stored file that is not what was written.
var errDamaged = errors.New("damaged file")

// maxFrame bounds what is read of one file.
const maxFrame = 256 << 20

// entry is an alert as it is stored.
type entry struct {
	Put      time.Time `json:"put"`
	Snapshot string    `json:"snapshot,omitempty"` // the file that holds it
	Event    Event     `json:"event"`
}

// appendFrame puts a line with length and checksum before the payload. A disk
// that lost power may hand back zeros or half a file.
func appendFrame(b, payload []byte) []byte {
	b = fmt.Appendf(b, "bwmon 1 %d %08x\n", len(payload), crc32.ChecksumIEEE(payload))
	return append(b, payload...)
}

// parseFrame returns the payload, or errDamaged.
func parseFrame(data []byte) ([]byte, error) {
	line, payload, found := bytes.Cut(data, []byte("\n"))
	if !found || len(line) > 64 {
		return nil, errDamaged
	}
	want := fmt.Sprintf("bwmon 1 %d %08x", len(payload), crc32.ChecksumIEEE(payload))
	if string(line) != want {
		return nil, errDamaged
	}
	return payload, nil
}

// parseEntry reads the payload of an alert's file.
func parseEntry(payload []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(payload, &e); err != nil {
		return entry{}, errDamaged
	}
	if n, known := fileNumber(e.Snapshot); e.Snapshot != "" && (!known || e.Snapshot != snapshotFile(n)) {
		return entry{}, errDamaged // it must not lead out of the directory
	}
	return e, nil
}
