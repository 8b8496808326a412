package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
)

func completionCommand() *cli.Command {
	return command(cli.Command{
		Name:        "completion",
		Usage:       "print the completion script for a shell",
		UsageText:   "announcer completion SHELL",
		ArgsUsage:   "SHELL",
		Description: "The shells are " + strings.Join(shells(), ", ") + ". bash and zsh load the script with: source <(announcer completion bash). fish loads it with: announcer completion fish | source",
		Action:      completion,
	})
}

// shells returns the shells that there is a script for.
func shells() []string { return []string{"bash", "zsh", "fish"} }

func completion(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("completion: want one shell: bash, zsh or fish")
	}
	shell := c.Args().First()
	if !slices.Contains(shells(), shell) {
		return usagef("completion: %q is not a supported shell%s; want bash, zsh or fish", shell, diag.DidYouMean(shell, shells()))
	}
	scripts := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	_, err := fmt.Fprint(c.App.Writer, scripts[shell])
	return err
}

// The scripts ask the program itself what to propose: see [complete].
const (
	bashCompletion = `# bash completion for announcer
_announcer() {
  local i words=() word= current part value text join=
  for ((i = 1; i <= COMP_CWORD; i++)); do
    # The shell divides words at = and : too, and the program does not.
    case ${COMP_WORDS[i]} in
      = | :) join=1 ;;
      *) [ -n "$join" ] || words+=("") ;;
    esac
    [ ${#words[@]} -gt 0 ] || words+=("")
    words[${#words[@]} - 1]+=${COMP_WORDS[i]}
    [[ ${COMP_WORDS[i]} == [=:] ]] || join=
  done
  word=${words[${#words[@]} - 1]}
  current=${COMP_WORDS[COMP_CWORD]}
  [[ $current == [=:] ]] && current=
  COMPREPLY=()
  {
    IFS= read -r part
    while IFS=$'\t' read -r value text; do
      [[ $value == "$word"* ]] && COMPREPLY+=("${value#"${word%"$current"}"}")
    done
  } < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
  case $part in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
    programs) mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
  esac
}
complete -F _announcer announcer
`

	zshCompletion = `#compdef announcer
_announcer() {
  local -a lines proposals
  local line
  lines=("${(@f)$("${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${(@)lines[2,-1]}"; do
    proposals+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  (( $#proposals )) && _describe -t values value proposals
  [[ $PREFIX == -*=* ]] && compset -P '*='
  case $lines[1] in
    files) _files ;;
    directories) _files -/ ;;
    programs) _command_names -e ;;
  esac
}
# The shell either calls this file as the function, or reads it like any other.
if [[ ${funcstack[1]} = _announcer ]]; then
  _announcer "$@"
else
  compdef _announcer announcer
fi
`

	fishCompletion = `# fish completion for announcer
function __announcer_ask
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..-1] 2>/dev/null
end
function __announcer_wants_files
  set -l lines (__announcer_ask)
  test "$lines[1]" = files
end
function __announcer_complete
  set -l lines (__announcer_ask)
  string join \n -- $lines[2..-1]
  switch "$lines[1]"
    case directories
      __fish_complete_directories (commandline -ct) ''
    case programs
      __fish_complete_command
  end
end
complete -c announcer -n __announcer_wants_files -F
complete -c announcer -f -a '(__announcer_complete)'
`
)
