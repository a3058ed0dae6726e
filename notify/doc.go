// Package notify watches what was agreed and tells who has to know: rules over ring
// buffers say when an alert fires and when it is resolved, and outboxes deliver it,
// however long that takes.
//
// rule.go says what a rule is, book.go evaluates all of them once a tick; outbox.go
// keeps what is to be delivered, and each kind of delivery has a file of its own.
package notify
