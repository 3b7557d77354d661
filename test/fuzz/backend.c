/*
 * backend.c
 *
 * libFuzzer inside PostgreSQL: a C function that SQL calls and that runs the
 * fuzzer on one target, with the server's own memory contexts, encodings, types
 * and errors around the code.  Each input begins with an empty memory context,
 * and an unexpected error is a finding.  Built and run by test/fuzz/run.
 */
#include "postgres.h"

#include <signal.h>

#include "fuzz.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

typedef struct Target
{
	const char *name;
	const char *max_len;		/* an argument of the fuzzer */
	void		(*run) (const uint8 *octets, size_t len);
	void		(*prepare) (void);	/* once, before the first input; or NULL */
} Target;

static const Target targets[] = {
	{"answer", "-max_len=2048", fuzz_answer, answer_prepare},
	{"file", "-max_len=1024", fuzz_file, NULL},
	{"guard", "-max_len=2048", fuzz_guard, NULL},
	{"labels", "-max_len=600", fuzz_labels, NULL},
	{"message", "-max_len=2048", fuzz_message, message_prepare},
	{"name", "-max_len=1100", fuzz_name, NULL},
	{"setting", "-max_len=512", fuzz_setting, NULL},
	{"stream", "-max_len=512", fuzz_stream, NULL},
	{"word", "-max_len=64", fuzz_word, NULL},
};

static const Target *target;
static MemoryContext input_context;

/* From libFuzzer, which has no header for C. */
extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*run) (const uint8_t *octets, size_t len));

static int	run_input(const uint8_t *octets, size_t len);
static void find_target(const char *name);
static char **read_arguments(ArrayType *array, int *count);

PG_FUNCTION_INFO_V1(pgcares_fuzz);

/*
 * fuzz(target text, arguments text[]): runs libFuzzer with these arguments, the
 * first of which is a program that runs it once more.  It ends the process, even
 * if it has found nothing.
 */
Datum
pgcares_fuzz(PG_FUNCTION_ARGS)
{
	int			count;
	char	  **arguments;

	find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	arguments = read_arguments(PG_GETARG_ARRAYTYPE_P(1), &count);
	input_context = AllocSetContextCreate(TopMemoryContext, "fuzzer input",
										  ALLOCSET_DEFAULT_SIZES);
	if (target->prepare != NULL)
		target->prepare();

	/* The fuzzer takes only signals for which there is no handler. */
	signal(SIGALRM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&count, &arguments, run_input));
}

/*
 * Ends the fuzzer with a message: it keeps the input.
 */
void
finding(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	fputs("finding: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/*
 * Takes a step that can raise.  Returns the SQLSTATE, or 0.
 */
int
raised_by(void (*step) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int sqlstate = 0;

	PG_TRY();
	{
		step(arg);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		sqlstate = error->sqlerrcode;

		/* Errors that cannot be are mistakes of pgcares. */
		if (sqlstate == ERRCODE_INTERNAL_ERROR)
			finding("%s", error->message);
		if (!pg_verifymbstr(error->message, strlen(error->message), true))
			finding("a message that is not valid in the encoding");
	}
	PG_END_TRY();
	return sqlstate;
}

/*
 * Takes a step that can raise this SQLSTATE and no other.  Returns whether it did.
 */
bool
raises(void (*step) (void *arg), void *arg, int sqlstate)
{
	int			raised = raised_by(step, arg);

	if (raised != 0 && raised != sqlstate)
		finding("raised %s, and not %s", pstrdup(unpack_sql_state(raised)),
				unpack_sql_state(sqlstate));
	return raised != 0;
}

/*
 * The octets as a string, malloc'd so that the sanitizer sees a read past its end;
 * NULL if the server would not accept them as text.
 */
char *
take_text(const uint8 *octets, size_t len)
{
	char	   *text;

	if (!pg_verify_mbstr(GetDatabaseEncoding(), (const char *) octets, len, true))
		return NULL;
	text = malloc(len + 1);
	memcpy(text, octets, len);
	text[len] = '\0';
	return text;
}

/*
 * Text from strangers must be printable ASCII.
 */
void
check_ascii(const char *text)
{
	for (const char *at = text; *at != '\0'; at++)
	{
		if (*at < ' ' || *at > '~')
			finding("not printable ASCII: octet %d of \"%s\"",
					(int) (at - text), text);
	}
}

/*
 * Text from strangers that is no name must be text in the database's encoding.
 */
void
check_text(const char *text)
{
	if (!pg_verify_mbstr(GetDatabaseEncoding(), text, strlen(text), true))
		finding("not text in the database's encoding: \"%s\"", text);
}

/* libFuzzer calls this for each input. */
static int
run_input(const uint8_t *octets, size_t len)
{
	MemoryContext old_context = MemoryContextSwitchTo(input_context);

	PG_TRY();
	{
		target->run(octets, len);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(input_context);
		error = CopyErrorData();
		finding("raised %s: %s", unpack_sql_state(error->sqlerrcode),
				error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(input_context);
	return 0;
}

static void
find_target(const char *name)
{
	for (int i = 0; i < (int) lengthof(targets); i++)
	{
		if (strcmp(targets[i].name, name) == 0)
			target = &targets[i];
	}
	if (target == NULL)
		elog(ERROR, "there is no target \"%s\"", name);
}

/* The words of an array, the target's argument, and NULL at the end. */
static char **
read_arguments(ArrayType *array, int *count)
{
	Datum	   *elements;
	char	  **words;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  count);
	words = palloc0((*count + 2) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		words[i] = TextDatumGetCString(elements[i]);
	words[(*count)++] = pstrdup(target->max_len);
	return words;
}
