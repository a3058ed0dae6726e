// Package dist has what bwmon is installed and run with: units for systemd, an image, and
// manifests. Its tests read these with the parsers of those whom they are for.
package dist
