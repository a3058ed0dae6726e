package conntrack

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// forgeUser replaces a rule of our table by one of another process.
func forgeUser(old taggedUser, by user) error {
	c, table, chain, err := ruleset()
	if err != nil {
		return err
	}
	if err := c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: old.handle}); err != nil {
		return err
	}
	c.AddRule(&nftables.Rule{
		Table: table, Chain: chain,
		Exprs:    []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}},
		UserData: userdata.AppendString(nil, userdata.TypeComment, by.comment()),
	})
	return c.Flush()
}
