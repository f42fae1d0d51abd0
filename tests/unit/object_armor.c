/* object: the armors of signatures, byte for byte. */
#include <check.h>

#include "object/object_internal.h"

#define BEGIN "-----BEGIN SIGNED MESSAGE-----\n"
#define END "-----END SIGNED MESSAGE-----\n"
#define LINE64 "TUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJTUlJ"

/* Each byte but the line's end at each place of a line, one of the usual length and a shorter. */
START_TEST(armor_bytes)
{
	static const char others[] = "+/=";
	char text[] = BEGIN LINE64 "\nTUlJTUlJTUlJTUlJTUlJTUlJ\n" END;
	char *line = strchr(text, '\n') + 1;

	for (size_t at = 0; at < 64 + 1 + 24; at++) {
		const char was = line[at];

		if (was == '\n')
			continue;

		for (int byte = 0; byte < 256; byte++) {
			bool in = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
				  (byte >= '0' && byte <= '9') ||
				  (byte != 0 && strchr(others, byte) != NULL);

			line[at] = (char)byte;
			if (byte != '\n')
				ck_assert_msg((object_armor_check(bytes_of(text, sizeof(text) - 1),
								  NULL) == 0) == in,
					      "%d at %zu", byte, at);
		}
		line[at] = was;
	}
}
END_TEST

/* All lines but the last have one length. */
START_TEST(armor_lines)
{
	static const struct {
		bool ok;
		int n[4];
	} t[] = {
		{ true, { 64 } },          { true, { 64, 64 } },      { true, { 64, 64, 32 } },
		{ true, { 32, 32, 16 } },  { true, { 76, 76, 64 } },  { true, { 64, 1 } },
		{ false, { 0 } },          { false, { 64, 32, 64 } }, { false, { 64, 32, 32 } },
		{ false, { 64, 64, 65 } }, { false, { 64, 76 } },     { false, { 32, 64 } },
		{ false, { 63, 64, 64 } }, { false, { 77 } },         { false, { 77, 77 } },
		{ false, { 76, 64, 64 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf text = BUF_INIT;

		buf_add_str(&text, BEGIN);
		for (size_t k = 0; k < 4 && t[i].n[k] > 0; k++)
			buf_addf(&text, "%.*s\n", t[i].n[k], LINE64 LINE64);
		buf_add_str(&text, END);
		ck_assert_msg((object_armor_check(buf_bytes(&text), NULL) == 0) == t[i].ok, "%s",
			      buf_str(&text));
		buf_free(&text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("object_armor");
	TCase *tc = tcase_create("armor");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, armor_bytes);
	tcase_add_test(tc, armor_lines);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
