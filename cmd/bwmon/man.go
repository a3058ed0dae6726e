package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (p *program) manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: "Print the manual page, or write all of them to a directory",
		Long: `man prints the manual page of bwmon itself. With --dir it writes one page for
each subcommand as well.`,
		Example: `  bwmon man | man -l -
  bwmon man --dir /usr/local/share/man/man1`,
		Args: cobra.NoArgs,
		RunE: p.runs(func(cmd *cobra.Command) error {
			// The pages do not change from day to day: no date, no tag.
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Title: "BWMON", Section: "1", Source: "bwmon", Manual: "User Commands"}
			if dir == "" {
				return doc.GenMan(root, header, p.stdout)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			header.Title = ""
			if err := doc.GenManTree(root, header, dir); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write the pages of all commands to this `DIRECTORY`")
	return cmd
}
