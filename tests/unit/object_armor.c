/* object: the armors of signatures, byte for byte. */
#include <check.h>

#include "object/object_internal.h"

/* Each byte but the line's end at each place of a line. */
START_TEST(armor_bytes)
{
	static const char others[] = "+/=";
	char text[] = "-----BEGIN SIGNED MESSAGE-----\nTUlJTUlJTUlJTUlJTUlJTUlJ\n"
		      "-----END SIGNED MESSAGE-----\n";
	char *line = strchr(text, '\n') + 1;

	for (size_t at = 0; at < 24; at++) {
		const char was = line[at];

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

int main(void)
{
	Suite *suite = suite_create("object_armor");
	TCase *tc = tcase_create("armor");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, armor_bytes);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
