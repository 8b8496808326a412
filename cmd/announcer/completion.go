package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	return command(cli.Command{
		Name:        "completion",
		Usage:       "print the completion script for a shell: bash, zsh or fish",
		UsageText:   "announcer completion bash|zsh|fish",
		Description: "Load it with: source <(announcer completion bash)",
		Action:      completion,
	})
}

func completion(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("completion: want one shell: bash, zsh or fish")
	}
	script := ""
	switch c.Args().First() {
	case "bash":
		script = bashCompletion(c.App)
	case "zsh":
		script = zshCompletion(c.App)
	case "fish":
		var err error
		if script, err = c.App.ToFishCompletion(); err != nil {
			return err
		}
	default:
		return usagef("completion: %q is not a supported shell; want bash, zsh or fish", c.Args().First())
	}
	_, err := fmt.Fprint(c.App.Writer, script)
	return err
}

// bashCompletion completes commands, the flags and subcommands of each, and else file names.
func bashCompletion(app *cli.App) string {
	var cases strings.Builder
	for _, cmd := range app.Commands {
		fmt.Fprintf(&cases, "    %s) flags=%q words=%q ;;\n", cmd.Name, strings.Join(longFlags(cmd), " "), strings.Join(namesOf(cmd.Subcommands), " "))
	}
	return fmt.Sprintf(`# bash completion for announcer
_announcer() {
  local word=${COMP_WORDS[COMP_CWORD]} flags= words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W %q -- "$word")
    return
  fi
  case ${COMP_WORDS[1]} in
%s  esac
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word") ;;
  esac
}
complete -o filenames -F _announcer announcer
`, strings.Join(namesOf(app.Commands), " "), cases.String())
}

// zshCompletion does the same, with the usage of each command and flag beside it.
func zshCompletion(app *cli.App) string {
	var commands, cases strings.Builder
	for _, cmd := range app.Commands {
		fmt.Fprintf(&commands, "    '%s:%s'\n", cmd.Name, zshQuote(cmd.Usage))
		fmt.Fprintf(&cases, "    %s) _arguments", cmd.Name)
		for _, f := range allFlags(cmd) {
			value := ""
			if takesValue(f) {
				value = ":value:_files"
			}
			fmt.Fprintf(&cases, " '*--%s[%s]%s'", f.Names()[0], zshQuote(usageOf(f)), value)
		}
		if len(cmd.Subcommands) > 0 {
			fmt.Fprintf(&cases, " '1:command:(%s)'", strings.Join(namesOf(cmd.Subcommands), " "))
		}
		cases.WriteString(" '*:file:_files' ;;\n")
	}
	return fmt.Sprintf(`#compdef announcer
_announcer() {
  local -a commands
  commands=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
%s  esac
}
# The shell either calls this file as the function, or reads it like any other.
if [[ ${funcstack[1]} = _announcer ]]; then
  _announcer "$@"
else
  compdef _announcer announcer
fi
`, commands.String(), cases.String())
}

// zshQuote makes text fit between single quotes, in a description that ends at a bracket or starts at a colon.
func zshQuote(text string) string {
	return strings.NewReplacer("'", "’", "[", "(", "]", ")", ":", ";", "`", "").Replace(text)
}

func usageOf(f cli.Flag) string {
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		return doc.GetUsage()
	}
	return ""
}

func longFlags(cmd *cli.Command) []string {
	var names []string
	for _, f := range allFlags(cmd) {
		names = append(names, "--"+f.Names()[0])
	}
	return names
}
