"""Commands for the differential test of the shell: written by hand, and generated with a fixed
seed. None depends on time, on process ids, or on names outside its directory, which holds the
files a.txt, b.txt and dir/c.txt when it begins. No text holds a slash, so that what a broken
command writes stays there."""

import random

HAND = r"""
true
false
:
echo
echo hello
echo -n no newline
echo -e 'tab\there'
printf '%s|' a "b c" '' d
printf '%d %x %o\n' 42 255 8
printf '%5.2f\n' 3.14159
printf '%q\n' "it's a \"test\""
printf '%s\n' one two three | sort -r
echo "a  b" 'c  d' e\ f
echo "$HOME" | wc -l
echo ~ | wc -w
echo $'a\nb\tc\x41\u00e9'
echo "tick: $(echo inner) done"
echo `echo backticks`
echo "nested $(echo "quotes $(echo "deep")")"
x=5; echo $x "$x" '$x' ${x}y
x='a b   c'; echo $x; echo "$x"
unset nope; echo "[${nope-default}] [${nope:-d2}] [${nope+set}]"
x=; echo "[${x-default}] [${x:-d2}] [${x+set}] [${x:+s2}]"
: ${y:=assigned}; echo $y
x=hello; echo ${#x} ${x:1:3} ${x: -2} ${x^} ${x^^} ${x/l/L} ${x//l/L} ${x%lo} ${x#he}
x=/usr/local/bin/x.tar.gz; echo ${x##*/} ${x%%.*} ${x%/*} ${x#*/}
x=a.b.c; IFS=.; set -- $x; echo $# $1 $3
set -- a 'b c' d; echo $# "$*"; for i in "$@"; do echo "<$i>"; done
set -- 1 2 3; shift; echo $* $#
a=(1 2 3); echo ${a[0]} ${a[@]} ${#a[@]} ${!a[@]} ${a[-1]}
a=(x 'y z'); for e in "${a[@]}"; do echo "<$e>"; done
a=([3]=c [1]=a); echo "${!a[@]}: ${a[@]}"; a+=(d); echo "${!a[@]}"
a=(1 2 3 4 5); echo "${a[@]:1:2}" "${a[@]/3/x}"; unset 'a[1]'; echo ${!a[@]}
declare -A m=([k]=v [two]=2); echo ${m[k]} ${#m[@]} ${m[two]}
declare -A m; m[x]=1; m[y]=2; for k in x y; do echo $k=${m[$k]}; done
declare -i n=3+4; echo $n; n=n*2; echo $n
declare -r ro=1; echo $ro
readonly q=1; q=2; echo not reached
declare -u up=abc; echo $up; declare -l low=ABC; echo $low
declare -n ref=target; target=7; echo $ref
x=1; x+=2; echo $x
echo $((1 + 2 * 3)) $((7 / 2)) $((7 % 3)) $((2 ** 10)) $((1 << 4)) $((5 > 3 && 2 < 1))
echo $((16#ff)) $((010)) $((x = 5, x + 1)) $x
echo $((1 / 0)); echo st $?
((3 > 2)); echo $?; ((0)); echo $?
let 'a = 3 * 4' b=a+1; echo $a $b
i=0; while ((i < 3)); do echo $i; ((i++)); done
i=0; until [ $i -ge 3 ]; do echo $i; i=$((i + 1)); done
for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done
for i in {1..5}; do [ $i = 4 ] && break; echo $i; done
for ((i = 0; i < 3; i++)); do echo $i; done
for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done
echo {a,b}{1,2} {01..03} {a..e..2} x{,y}
case abc in a*) echo a;; *) echo other;; esac
case x in a) echo a;; [xyz]) echo xyz;;& x) echo also;; esac
case 5 in 4|5) echo four or five;& 6) echo fell;; esac
if true; then echo yes; else echo no; fi
if false; then echo yes; elif true; then echo elif; fi
[[ abc == a* ]] && echo glob; [[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[1]}
[[ -f a.txt && ! -d a.txt ]]; echo $?; [ -d dir ]; echo $?; test 3 -lt 4; echo $?
[ 1 -eq x ]; echo $?
[[ a < b ]]; echo $?
! true; echo $?
true && echo and || echo or; false && echo and || echo or
f() { echo "in f: $1 $#"; return 3; }; f a b; echo $?
f() { local x=2; g; }; g() { echo $x; }; x=1; f; echo $x
fact() { (( $1 <= 1 )) && echo 1 || echo $(( $1 * $(fact $(( $1 - 1 ))) )); }; fact 6
f() { echo out; echo err >&2; }; f 2>/dev/null; f >/dev/null
function g { echo "$FUNCNAME"; }; g
f() (exit 4); f; echo $?
f() { return; }; false; f; echo $?
unset -f nosuch; echo $?
f() { :; }; type -t f; unset -f f; type -t f; echo $?
echo out; echo err >&2
echo one > f1; cat f1; echo two >> f1; cat f1; wc -l < f1
cat < nosuchfile; echo $?
echo x > nosuchdir/f; echo $?
{ echo a; echo b >&2; } 2>&1 | sort
{ echo a; echo b >&2; } > both 2>&1; cat both
echo both &> amp; cat amp; echo more &>> amp; cat amp
exec 5> five; echo to five >&5; exec 5>&-; cat five
exec 6< a.txt; read -u 6 line; echo "$line"; exec 6<&-
read x y <<< 'one two three'; echo "$x/$y"
echo x >&9; echo $?
cat <<< "here $((1+1))"
set -C; echo a > clob; echo b > clob; echo $?; cat clob
ls | wc -l
ls *.txt; echo *; echo nosuch*; echo "*"
shopt -s nullglob; echo nosuch*; echo [ab].txt
shopt -s extglob; echo !(a).txt
shopt -s dotglob; touch .hid; echo *
set -f; echo *; set +f; echo *.txt
cd dir; pwd | sed 's,.*/,,'; ls; cd ..; ls dir
cd nosuchdir; echo $?
(cd dir; ls); ls | head -2
pushd dir > /dev/null; ls; popd > /dev/null; ls | tail -1
yes | head -3
seq 5 | while read n; do echo "n=$n"; done
seq 3 | (read a; read b; echo $a $b)
echo abc | tr a-z A-Z | rev
false | true; echo $? ${PIPESTATUS[@]}
set -o pipefail; false | true; echo $?
true | false | exit 4; echo ${PIPESTATUS[@]}
diff <(echo a) <(echo a) && echo same
cat <(echo sub1) <(echo sub2)
echo tee | tee >(cat > teed) > /dev/null; wait; cat a.txt
(echo sub; exit 5); echo $?
(x=2; echo $x); echo "[$x]"
x=1; (x=2); echo $x
{ x=3; }; echo $x
exit 0
exit 7
echo before; exit 3; echo after
(exit 9)
sh -c 'exit 12'
bash -c 'echo inner $0 $1' arg0 arg1
bash --norc -c 'nosuchcmd_in'; echo $?
nosuchcommand
nosuchcommand arg 2>/dev/null; echo $?
./a.txt; echo $?
dir; echo $?
./dir; echo $?
echo "unterminated
echo 'unterminated
echo $(unterminated
echo ${x
echo )
if true; then echo x
fi
for; do
case x in
while true
f() {
((1 +
[[ a ==
echo a; ; echo b
echo a &&
&& echo a
| cat
echo `unterminated
done
esac
a=(1 2
echo <
cat <<
echo "a" "b
{ echo x
( echo x
!
break; echo $?
continue; echo $?
local x; echo $?
shift 5; echo $?
cd a b c; echo $?
unset 1bad; echo $?
export 1bad=2; echo $?
read; echo $?
read x; echo "[$x] $?"
cat; echo $?
wait; echo $?
kill -0 999999999; echo $?
kill; echo $?
umask 022; umask
ulimit -c 0; ulimit -c
hash -r; hash
type cd; type echo; type -t ls if nosuch
command -v ls > /dev/null; echo $?; command -v nosuch; echo $?
command echo x; builtin echo y; builtin nosuch; echo $?
eval 'echo eval $((1+1))'; eval; echo $?
eval 'echo "x'; echo $?
eval 'exit 6'
x='echo indirect'; $x; y=x; echo ${!y}
echo 'echo sourced $1; return 2; echo not' > s.sh; . ./s.sh arg; echo $?
echo 'x=fromfile' > s.sh; source ./s.sh; echo $x
. nosuchfile.sh; echo $?
trap 'echo bye' EXIT; echo body; exit
trap 'echo exit trap' EXIT; exit 2
trap 'echo err trap' ERR; false; true; (false); echo end
trap 'echo usr' USR1; kill -USR1 $BASHPID; echo after
trap; trap -p
trap 'echo d' DEBUG; echo a; echo b
trap '' TERM; trap -p TERM
set -e; true; echo still; false; echo never
set -e; if false; then :; fi; echo ok; false || echo ok2; ! true; echo ok3
set -e; f() { false; echo in f; }; f || echo caught; f; echo never
set -u; echo ${nope-fine}; echo ok
set -e; (exit 3); echo never
set -x; echo traced; x=1; set +x; echo done
set -v; echo verbose
set -o posix; echo posix; set +o posix
set -o nosuch; echo $?
shopt -s nosuch; echo $?
shopt nullglob; echo $?
bind -P > /dev/null 2>&1; echo x
sleep 0 & wait $!; echo $?
sleep 0 & wait; echo waited
(exit 3) & wait $!; echo $?
{ sleep 0; echo bg; } & wait
coproc cat; echo to coproc >&${COPROC[1]}; read -u ${COPROC[0]} l; echo $l; kill $COPROC_PID; wait
jobs; echo $?
time -p true 2> /dev/null; echo $?
select i in a; do echo $i; done < /dev/null; echo $?
getopts ab: opt -a -b x; echo $opt
set -- -a -b val rest; while getopts ab: o; do echo "$o=$OPTARG"; done; echo $OPTIND
mapfile -t arr < a.txt; echo ${#arr[@]} "${arr[0]}"
readarray -t l <<< $'a\nb'; echo ${#l[@]}
IFS=, read -ra p <<< 'a,b,c'; echo ${#p[@]} ${p[1]}
IFS=:; echo "$*"; set -- a b; echo "$*"
printf -v v '%03d' 7; echo $v
echo ${x@Q} ; x="a'b"; echo ${x@Q}
x=abc; echo ${x@U} ${x@a}; declare -p x
declare -p nosuch; echo $?
declare -f nosuch; echo $?
echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL)
echo $0 $# "$@"
echo $LINENO
echo ${BASH_VERSINFO[0]}
echo $SHLVL
echo "${!BASH_VERSINFO[@]}"
test; echo $?; [ ; echo $?; [ a; echo $?
[ a = a -a b = b ]; echo $?
expr 3 + 4; expr 1 = 2; echo $?
env -i /bin/echo clean
X=1 Y=2 env | grep '^[XY]=' | sort
X=temp sh -c 'echo $X'; echo "[$X]"
export E=1; sh -c 'echo $E'; unset E; sh -c 'echo [$E]'
alias zz='echo alias'; alias zz; unalias zz; echo $?
unalias nosuch; echo $?
echo a#b # comment
# only a comment
echo a \
echo 'multi
echo a; echo b & wait; echo c
ls -d */ ; echo d*
echo $(< a.txt); echo "$(cat a.txt)"
x=$(exit 4); echo $?; x=$(echo out; exit 5) ; echo $? $x
echo "$(echo 'a)b')" "${x:-"q}q"}"
echo a{b,c}'{d,e}' {1..3}{a,b} {3..1} {a,b
echo -- -n; echo -n; echo -E '\t'; echo -e '\101\x42'
echo "a!b" 'c!d' !e
yes 'long line of output' | head -c 100000 | wc -c
head -c 300000 /dev/zero | tr '\0' x | wc -c
printf '\0a\0b' | od -An -c
printf '\xff\xfe' | od -An -tx1
dd if=/dev/zero bs=1 count=3 2>/dev/null | od -An -tx1
exec > outfile; echo hidden; cat outfile >&2
exec 2>&1; echo err >&2
exec nosuchprogram; echo $?
exec true
exec sh -c 'exit 8'
command exec 2>/dev/null; nosuch
true; exec 7>&1; echo seven >&7
""".strip("\n").split("\n")

MULTI = [
    "echo line1\necho line2\n", "x=1\nif [ $x = 1 ]\nthen\n  echo one\nfi", "\n\necho after blank\n",
    "f() {\n  echo body\n  return 2\n}\nf\necho $?", "cat <<EOF\nplain $((2*3)) text\nEOF",
    "cat <<'EOF'\nno $expansion `here` \\n\nEOF", "cat <<-EOF\n\tindented\n\t\ttwice\n\tEOF",
    "cat <<A <<B\nfirst\nA\nsecond\nB", "x=5; cat <<EOF | tr a-z A-Z\nvalue $x\nEOF\necho end",
    "cat <<EOF\nunterminated here-document", "cat <<EOF\nline\n EOF\nstill\nEOF\necho done",
    "echo first\nfi\necho never", "echo ok\necho 'open\n", "for i in 1 2\ndo\n echo $i\ndone",
    "while read -r line\ndo\n  echo \"<$line>\"\ndone < a.txt", "echo a \\\n  b \\\n  c",
    "x='multi\nline'\necho \"$x\"\necho $x", "case $((3 % 2)) in\n 0) echo even ;;\n 1) echo odd ;;\nesac",
    "a=(\n one # comment\n two\n)\necho ${#a[@]}", "f() {\n cat <<EOF\nin function $1\nEOF\n}\nf arg",
    "nosuch1\nnosuch2\necho $?", "echo $LINENO\n\necho $LINENO", "set -e\necho a\nfalse\necho b",
    "trap 'echo \"line $LINENO\"' ERR\n\nfalse\necho end", "if true\nthen echo a\nelse echo b\nfi | cat",
    "(\n echo sub\n exit 3\n)\necho $?", "{\n echo group\n} > g.out\ncat g.out", "echo 'a\tb' | cat",
    "# comment\necho after # trailing\n# end", "declare -A m=(\n [a]=1\n [b]=2\n)\necho ${m[b]}",
    "exit 4\necho never", "return_test() { return 7; }\nreturn_test\nexit $?", "echo start; exit\necho no",
    "x=$(cat <<EOF\nin substitution\nEOF\n)\necho \"$x\"", "cat <<EOF\n$(echo nested; echo err >&2)\nEOF",
    "readonly r=1\nr=2\necho never", "echo one;\n;echo two", "\techo tab\n", "echo '\\' \"\\\\\" \\\\ \\a",
]


class Generator:
    """Random commands; the same for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = 0

    def pick(self, *choices):
        choice = self.random.choice(choices)
        return choice() if callable(choice) else choice

    def number(self):
        return str(self.random.randint(0, 20))

    def name(self):
        return self.random.choice("abcdxyz")

    def text(self):
        letters = "abc XYZ019._-:,@%+=~*?[]{}$`\"'\\|&;<>()#!\t"
        return "".join(self.random.choice(letters) for _ in range(self.random.randint(0, 8)))

    def plain(self):
        return "".join(self.random.choice("abcxyz019_") for _ in range(self.random.randint(1, 6)))

    def single(self):
        return "'" + self.text().replace("'", "") + "'"

    def double(self):
        inside = self.text()
        for letter in "\"\\`$":
            inside = inside.replace(letter, "")
        return '"%s%s"' % (inside, self.pick("", self.variable, self.arithmetic, self.substitution))

    def ansi(self):
        return "$'%s\\n\\t\\x41%s'" % (self.plain(), self.plain())

    def variable(self):
        name = self.name()
        return self.pick("$" + name, "${%s}" % name, "${%s:-%s}" % (name, self.plain()),
                         "${%s-%s}" % (name, self.plain()), "${#%s}" % name, "${%s^^}" % name,
                         "${%s:%s:2}" % (name, self.random.randint(0, 3)), "${%s#?}" % name,
                         "${%s%%?}" % name, "${%s//%s/-}" % (name, self.plain()[0]),
                         "${%s[@]}" % name, "${#%s[@]}" % name, "${%s[1]}" % name, "$#", "$?", "$*")

    def arithmetic(self):
        parts = [self.number(), self.number(), self.random.choice("abc")]
        self.random.shuffle(parts)
        signs = [self.pick("+", "-", "*", "/", "%", "<", "==", "&", "|", "^") for _ in range(2)]
        return "$((%s %s (%s %s %s)))" % (parts[0], signs[0], parts[1], signs[1], parts[2])

    def substitution(self):
        if self.depth > 2:
            return "$(echo deep)"
        return "$(%s)" % self.command()

    def glob(self):
        return self.pick("*", "*.txt", "?.txt", "[ab]*", "dir/*", "no*such", "{a,b}.txt", "{1..4}",
                         "a.*", "[!a]*.txt", "**")

    def word(self):
        return self.pick(self.plain, self.plain, self.single, self.double, self.double, self.ansi,
                         self.variable, self.arithmetic, self.glob, self.substitution,
                         lambda: self.plain() + self.single(), lambda: self.plain() + self.double())

    def words(self, most=4):
        return " ".join(self.word() for _ in range(self.random.randint(0, most)))

    def assignment(self):
        name = self.name()
        return self.pick("%s=%s" % (name, self.word()), "%s+=%s" % (name, self.plain()),
                         "%s=(%s)" % (name, self.words()), "%s+=(%s)" % (name, self.words(2)),
                         "unset %s" % name, "%s[2]=%s" % (name, self.plain()),
                         "declare -i %s=%s" % (name, self.number()),
                         "export %s=%s" % (name, self.plain()), "set -- " + self.words())

    def redirection(self):
        return self.pick("> out", ">> out", "2> err", "2>&1", "&> all", "< a.txt", "<<< %s" % self.word(),
                         "2>/dev/null", "> no/such", "< nosuch", ">&2", "3> three", "< /dev/null")

    def simple(self):
        return self.pick(
            lambda: "echo " + self.words(), lambda: "printf '%s|' " + self.words(),
            lambda: "printf '<%s>\\n' " + self.words(), self.assignment, self.assignment,
            lambda: "[[ %s == %s ]]" % (self.word(), self.plain()),
            lambda: "[ %s = %s ]" % (self.double(), self.double()),
            lambda: "(( %s ))" % self.arithmetic()[3:-2], lambda: "test -f %s" % self.plain(),
            "true", "false", "cat a.txt", "cat", "wc -l < b.txt", "read a b < b.txt", "pwd -P > /dev/null",
            lambda: "nosuch_%s" % self.plain(), lambda: "(exit %s)" % self.number(),
            lambda: "cd %s" % self.pick("dir", "..", ".", "nosuch") + "; cd - > /dev/null",
            lambda: "eval %s" % self.single(), lambda: "type -t %s" % self.plain(),
            lambda: "ls %s" % self.pick("", "dir", "nosuch"), lambda: "f_%s() { echo f $1; }" % self.name(),
            lambda: "f_%s %s" % (self.name(), self.words(2)), lambda: "! " + self.pick("true", "false"),
            lambda: "cat <<E\n%s\n%s\nE\n" % (self.plain(), self.variable()),
            lambda: "cat <<'E'\n%s\nE\n" % self.text().replace("E", ""))

    def redirected(self):
        command = self.simple()
        if command.endswith("\n"):
            return command
        return " ".join([command, *(self.redirection() for _ in range(self.random.randint(1, 2)))])

    def compound(self):
        one, two = self.list(2), self.list(2)
        return self.pick("if %s\nthen %s\nelse %s\nfi" % (self.simple(), one, two),
                         "for %s in %s\ndo %s\ndone" % (self.name(), self.words(), one),
                         "case %s in\n%s) %s\n;;\n*) %s\n;;\nesac" % (self.word(), self.plain()[0] + "*",
                                                                     one, two),
                         "{ %s\n}" % one, "( %s\n)" % one, "g() { %s\n}\ng %s" % (one, self.words(2)),
                         "i=0\nwhile (( i++ < 3 ))\ndo %s\ndone" % one, "%s\n" % one)

    def pipeline(self):
        return " | ".join(self.pick("echo " + self.words(2), "cat", "sort", "tr a-z A-Z", "head -2", "wc -c",
                                    "sed s/a/b/", "false", "(exit 3)", "cat a.txt")
                          for _ in range(self.random.randint(2, 4)))

    def command(self):
        self.depth += 1
        try:
            if self.depth > 3:
                return "echo " + self.plain()
            return self.pick(self.simple, self.simple, self.simple, self.redirected, self.redirected,
                             self.pipeline, self.compound)
        finally:
            self.depth -= 1

    def list(self, most=4):
        parts = [self.command()]
        for _ in range(self.random.randint(0, most - 1)):
            glue = "\n" if parts[-1].endswith("\n") else self.pick("\n", "; ", " && ", " || ")
            parts += [glue, self.command()]
        return "".join(parts)

    def broken(self):
        """One that has lost or gained a character: mostly an error of the syntax."""
        text = self.list(2)
        at = self.random.randrange(len(text) + 1)
        return text[:at] + self.random.choice(["'", '"', ")", "(", "`", "}", "{", ";", "fi", "\\", "<", "$("]) \
            + text[at:]

    def one(self):
        return self.broken() if self.random.random() < 0.15 else self.list()
