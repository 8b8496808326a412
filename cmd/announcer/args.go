package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
)

// commandKey is where App.Metadata holds the words behind "--" for a command that runs another one.
const commandKey = "command"

// runsCommand is the category-free mark of a command that starts the program behind "--".
const runsCommand = "announce"

// arrange puts the arguments in the order that urfave/cli reads them in: the command, its flags, "--", all else.
// Flags may stand anywhere before the first "--", also in front of the command. What follows that "--" are plain
// arguments, except a command that runs another one: there it is that other command, given apart.
func arrange(app *cli.App, args []string) (arranged, command []string, err error) {
	args, behind, dashes := cutDashes(args)
	name, args := cutName(globalFlags(), args)
	if name == "" {
		return arrangeNameless(app, args)
	}
	cmd := app.Command(name)
	if cmd == nil {
		return nil, nil, usagef("%q is not a command%s (see announcer --help)", name, diag.DidYouMean(name, namesOf(app.Commands)))
	}
	names, cmd, args, err := descend(cmd, args)
	if err != nil {
		return nil, nil, err
	}
	flags, plain, help, err := splitFlags(cmd, strings.Join(names, " "), args)
	switch {
	case err != nil:
		return nil, nil, err
	case help:
		return slices.Concat([]string{app.Name, helpName, "--"}, names), nil, nil
	}
	if cmd.Name == runsCommand && dashes {
		if len(behind) == 0 {
			return nil, nil, usagef("no command follows --; want the command to run, such as -- ./deploy.sh")
		}
		command, behind = behind, nil
	}
	arranged = slices.Concat([]string{app.Name}, names, flags)
	arranged = append(arranged, "--")
	arranged = append(arranged, plain...)
	return append(arranged, behind...), command, nil
}

func cutDashes(args []string) (before, behind []string, found bool) {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i], args[i+1:], true
	}
	return args, nil, false
}

// descend goes on to the subcommand that is named, if the command has any. A command that does something by itself
// needs none.
func descend(cmd *cli.Command, args []string) (names []string, found *cli.Command, others []string, err error) {
	names = []string{cmd.Name}
	if len(cmd.Subcommands) == 0 {
		return names, cmd, args, nil
	}
	name, others := cutName(allFlags(cmd), args)
	for _, sub := range cmd.Subcommands {
		if sub.Name == name {
			return append(names, name), sub, others, nil
		}
	}
	all := namesOf(cmd.Subcommands)
	switch {
	case name == helpName:
		return descend(cmd, append(others, "--help"))
	case cmd.Action != nil || slices.ContainsFunc(args, isHelp):
		return names, cmd, args, nil
	case name == "":
		return nil, nil, nil, usagef("%s: no subcommand; want one of %s (see announcer %[1]s --help)", cmd.Name, strings.Join(all, ", "))
	}
	return nil, nil, nil, usagef("%s has no command %q%s (see announcer %[1]s --help)", cmd.Name, name, diag.DidYouMean(name, all))
}

// allFlags returns the flags of a command and of its subcommands.
func allFlags(cmd *cli.Command) []cli.Flag {
	flags := slices.Clone(cmd.Flags)
	for _, sub := range cmd.Subcommands {
		for _, f := range sub.Flags {
			if lookUpFlag(flags, f.Names()[0]) == nil {
				flags = append(flags, f)
			}
		}
	}
	return flags
}

// commandName returns the name of the command in the arguments, "" if there is none.
func commandName(args []string) string {
	args, _, _ = cutDashes(args)
	name, _ := cutName(globalFlags(), args)
	return name
}

// cutName takes the name of the command out of the arguments: the first that is neither one of the flags nor the
// value of one.
func cutName(flags []cli.Flag, args []string) (name string, others []string) {
	for i := 0; i < len(args); i++ {
		if !isFlag(args[i]) {
			return args[i], slices.Concat(args[:i], args[i+1:])
		}
		if takesValue(lookUpFlag(flags, args[i])) && !strings.Contains(args[i], "=") {
			i++
		}
	}
	return "", args
}

// arrangeNameless accepts announcer --help and --version, and refuses all else without a command.
func arrangeNameless(app *cli.App, args []string) (arranged, command []string, err error) {
	switch {
	case slices.ContainsFunc(args, isHelp):
		return []string{app.Name, helpName}, nil, nil
	case slices.ContainsFunc(args, isVersion):
		return []string{app.Name, versionName}, nil, nil
	case len(args) > 0 && lookUpFlag(globalFlags(), args[0]) == nil:
		return nil, nil, usagef("unknown %w", unknownFlag("", args[0], globalFlags(), "--help", "--version"))
	}
	return nil, nil, usagef("no command; want one of %s (see announcer --help)", strings.Join(namesOf(app.Commands), ", "))
}

func isFlag(arg string) bool { return strings.HasPrefix(arg, "-") && arg != "-" }

func isHelp(arg string) bool { return slices.Contains([]string{"-h", "-help", "--help"}, arg) }

func isVersion(arg string) bool {
	return slices.Contains([]string{"-v", "-V", "-version", "--version"}, arg)
}

// splitFlags separates the flags of a command, each with its value, from its plain arguments, and reports whether one
// of them asks for help. name is what the command is called by.
func splitFlags(cmd *cli.Command, name string, args []string) (flags, plain []string, help bool, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case !isFlag(arg):
			plain = append(plain, arg)
			continue
		case isHelp(arg):
			help = true
			continue
		}
		word, value, hasValue := strings.Cut(arg, "=")
		flag := lookUpFlag(cmd.Flags, arg)
		if flag == nil {
			return nil, nil, false, usagef("%s has no %w", name, unknownFlag(name+" ", word, cmd.Flags))
		}
		flags = append(flags, arg)
		if takesValue(flag) && !hasValue {
			if i++; i == len(args) {
				return nil, nil, false, usagef("%s %s: the flag has no value; want %[2]s %[3]s", name, arg, valueName(flag))
			}
			value, hasValue = args[i], true
			flags = append(flags, value)
		}
		if hasValue {
			if err := checkValue(flag, word, value); err != nil {
				return nil, nil, false, err
			}
		}
	}
	return flags, plain, help, nil
}

// unknownFlag names a flag that is not among those of a command, with what may be meant; command is what to ask for help by.
func unknownFlag(command, word string, flags []cli.Flag, more ...string) error {
	word, _, _ = strings.Cut(word, "=")
	hint := ""
	if long := strings.TrimLeft(word, "-"); len(long) > 1 {
		hint = diag.DidYouMean("--"+long, append(flagWords(flags), more...))
	}
	if hint == "" && len(word) > 2 && word[1] != '-' && takesValue(lookUpFlag(flags, word[:2])) {
		hint = "; did you mean " + word[:2] + " " + word[2:] + "?" // as getopt(3) takes it
	}
	return fmt.Errorf("flag %s%s (see announcer %s--help)", word, hint, command)
}

// lookUpFlag returns the flag that an argument names, nil if there is none.
func lookUpFlag(flags []cli.Flag, arg string) cli.Flag {
	word, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), word) {
			return f
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	if f == nil {
		return false
	}
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// valueName returns "NUMBER" for a flag whose usage text names its value as `NUMBER`.
func valueName(f cli.Flag) string {
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		if parts := strings.Split(doc.GetUsage(), "`"); len(parts) == 3 {
			return parts[1]
		}
	}
	return "VALUE"
}

// flagWords returns the flags as they are typed, without their one-letter names.
func flagWords(flags []cli.Flag) []string {
	var words []string
	for _, f := range flags {
		words = append(words, "--"+f.Names()[0])
	}
	return words
}

func namesOf(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}
